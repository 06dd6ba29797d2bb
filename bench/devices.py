"""Choose the device on which PyTorch computes, check that it is there, and count the processor cores.

PyTorch is imported when it is needed.
"""

from __future__ import annotations

import os
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
