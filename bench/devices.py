"""Choose the device on which PyTorch computes, check that it is there, and count the processor cores.

PyTorch is imported when it is needed.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from contextlib import suppress
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

from bench.contract import Options
from bench.errors import UserError, missing_extra

if TYPE_CHECKING:
    import torch


def choose_device(wish: str) -> str:
    """Turn the device ``auto`` into ``cuda`` where PyTorch sees a GPU, else into ``cpu``; check any other name.

    Raises:
        MissingExtraError: The device needs PyTorch, which is not installed.
        UserError: PyTorch cannot use the device.
    """
    if wish == "cpu":
        return wish  # PyTorch need not be there, and takes seconds to import
    try:
        import torch
    except ImportError as error:
        if wish == "auto":
            return "cpu"
        raise missing_extra(error, "PyTorch", "torch", f"--device {wish}") from error
    if wish == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    device_of(wish)
    return wish


def device_of(name: str) -> torch.device:
    """Make the PyTorch device of a name such as ``cpu``, ``cuda`` or ``cuda:1``, and reserve a number on it as a check.

    Raises:
        UserError: PyTorch cannot use the device.
    """
    import torch

    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:  # an assertion where PyTorch was built without CUDA
        reason = str(error).splitlines()[0].rstrip(".")
        raise UserError(
            f"--device {name}: PyTorch cannot use it ({reason}); expected cpu, or cuda or cuda:N where there is "
            "such a GPU. Use --device cpu"
        ) from error
    return torch.device(name)


def cards_of(wish: str) -> tuple[str, ...]:
    """List the CUDA devices that a wish names, of ``cuda`` all that PyTorch sees: ``("cuda:0", "cuda:1")``.

    Args:
        wish: ``cpu``, ``cuda``, ``cuda:1``, or several by comma; not ``auto``.

    Returns:
        Their names; empty for a device of another kind.

    Raises:
        UserError: One cannot be used, one is named twice, or they are of several kinds, which round differently.
    """
    names = [name.strip() for name in wish.split(",")]
    if len(names) > 1 and (len(set(names)) < len(names) or not all(name.startswith("cuda:") for name in names)):
        raise UserError(f"--device {wish}: several devices are different GPUs, such as cuda:0,cuda:1")
    if not wish.startswith("cuda"):
        return ()
    import torch

    if names == ["cuda"]:
        names = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    kinds = {torch.cuda.get_device_name(device_of(name)) for name in names}
    if len(kinds) > 1:
        raise UserError(
            f"--device {wish}: {' and '.join(sorted(kinds))} round differently; name those of one kind: --device cuda:0"
        )
    return tuple(names)


def visible_to(card: str, device: str, count: int, visible: str = "") -> str:
    """Order the GPUs of a process so that one of them is the device on which its models compute.

    Args:
        card: The GPU, ``cuda:1``.
        device: The device that models are told, ``cuda`` or ``cuda:0``.
        count: GPUs that PyTorch sees here.
        visible: ``CUDA_VISIBLE_DEVICES`` of this process; empty where it is not set.

    Returns:
        What to set ``CUDA_VISIBLE_DEVICES`` to: all of them, two having changed places.
    """
    order = visible.split(",")[:count] if visible else [str(number) for number in range(count)]
    here, there = (int(name.partition(":")[2] or 0) for name in (card, device))
    order[here], order[there] = order[there], order[here]
    return ",".join(order)


def card_places(wish: str) -> tuple[str, ...]:
    """List, for every CUDA device of a wish (:func:`cards_of`), the ``CUDA_VISIBLE_DEVICES`` of its process."""
    cards = cards_of(wish)
    if len(cards) < 2:
        return ("",) * len(cards)
    import torch

    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return tuple(visible_to(card, first_of(wish), torch.cuda.device_count(), visible) for card in cards)


def first_of(wish: str) -> str:
    """Return the first of the devices that a wish names, on which models are told to compute."""
    return wish.partition(",")[0].strip()


def memory_of(device: str) -> int:
    """Read the size of a GPU's memory in bytes; 0 for any other device."""
    if not device.startswith("cuda"):
        return 0
    import torch

    return int(torch.cuda.get_device_properties(device_of(device)).total_memory)


def check_precision(options: Options) -> None:
    """Refuse TensorFloat-32 on a device that has none.

    Raises:
        UserError: The options ask for it without a CUDA device.
    """
    if options.precision == "tf32" and not options.device.startswith("cuda"):
        raise UserError(
            f"--precision tf32 is arithmetic of NVIDIA's GPUs, but the device is {options.device}; give fp32"
        )


def torch_device_ready(options: Options) -> None:
    """Set the number of CPU threads that PyTorch keeps for the whole process; 0 leaves PyTorch's own."""
    import torch

    _own_threads()
    if options.threads > 0:
        torch.set_num_threads(options.threads)


def give_back_threads() -> None:
    """Set the CPU threads of PyTorch to as many as there were before the first model was loaded."""
    if _own_threads.cache_info().currsize:
        import torch

        torch.set_num_threads(_own_threads())


@cache
def _own_threads() -> int:
    import torch

    return torch.get_num_threads()


def give_back_memory() -> None:
    """Give memory that this process has freed back to the system, where the C library (glibc) would keep it.

    Objects that refer to each other are freed first: Python would find them late, after thousands of further objects.
    """
    gc.collect()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)


def torch_for(options: Options, purpose: str) -> ModuleType:
    """Import PyTorch for one model: set the threads and check the device of its options.

    Args:
        options: Device and threads.
        purpose: What PyTorch is needed for, to begin the message with if PyTorch is not installed.

    Raises:
        MissingExtraError: PyTorch is not installed.
        UserError: PyTorch cannot use the device.
    """
    try:
        import torch
    except ImportError as error:
        raise missing_extra(error, "PyTorch", "torch", purpose) from error
    torch_device_ready(options)
    device_of(options.device)
    return torch


def usable_cores() -> int:
    """Count the processor cores on which this process may run: at least 1.

    Linux tells the cores that a scheduler or container has left to the process; other systems tell all of them.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
