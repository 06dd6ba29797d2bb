"""How much memory a process or its GPU held at most."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Memory:
    """Two readings in bytes: ``now``, and ``peak``, the most since it was opened, on a CPU since the process began."""

    now: Callable[[], int]
    peak: Callable[[], int]


def open_memory(device: str) -> Memory:
    """The allocator of a GPU (``cuda``, ``cuda:1``), else the resident memory of this process."""
    if not device.startswith("cuda"):
        return Memory(_resident, _most_resident)
    import torch

    torch.cuda.init()  # type: ignore[no-untyped-call]
    torch.cuda.reset_peak_memory_stats(device)
    return Memory(lambda: torch.cuda.memory_allocated(device), lambda: torch.cuda.max_memory_allocated(device))


def restart_peak() -> None:
    """Let the peak of resident memory begin anew with what is held now; without effect but on Linux."""
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
    """Now; where the system does not tell (macOS), the most so far, which is the same before any work."""
    held = _status("VmRSS")
    return _most_resident() if held is None else held


def _status(name: str) -> int | None:
    """A reading of Linux's ``/proc/self/status`` in bytes; None elsewhere."""
    path = Path("/proc/self/status")
    lines = path.read_text(encoding="ascii").splitlines() if path.is_file() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), None)
