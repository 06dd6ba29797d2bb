"""Read how much memory this process or its GPU holds, and held at most."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class MemoryMeter:
    """Two readings of memory in bytes.

    Attributes:
        now: Read what is held.
        peak: Read the most that was held since the meter was opened; on a CPU, since the process began.
    """

    now: Callable[[], int]
    peak: Callable[[], int]


def open_memory_meter(device: str) -> MemoryMeter:
    """Open a meter of a GPU's allocator (``cuda``, ``cuda:1``), else of the resident memory of this process."""
    if not device.startswith("cuda"):
        return MemoryMeter(_resident, _most_resident)
    import torch

    torch.cuda.init()  # type: ignore[no-untyped-call]
    torch.cuda.reset_peak_memory_stats(device)
    return MemoryMeter(lambda: torch.cuda.memory_allocated(device), lambda: torch.cuda.max_memory_allocated(device))


def restart_peak() -> None:
    """Start the peak of resident memory anew from what is held now; without effect on other systems than Linux."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _most_resident() -> int:
    # Not getrusage on Linux: after a fork it begins with what the parent held.
    if (held := _status("VmHWM")) is not None:
        return held
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _resident() -> int:
    """Read the bytes held now; where the system does not tell (macOS), the most so far: the same before any work."""
    held = _status("VmRSS")
    return _most_resident() if held is None else held


def _status(name: str) -> int | None:
    """Read one line of Linux's ``/proc/self/status`` in bytes; None elsewhere."""
    path = Path("/proc/self/status")
    lines = path.read_text(encoding="ascii").splitlines() if path.is_file() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), None)
