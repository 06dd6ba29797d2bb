"""Choose the device on which PyTorch computes, and check that it is there. PyTorch is imported when it is needed."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from bench.contract import Options
from bench.errors import UserError, missing_extra

if TYPE_CHECKING:
    import torch


def torch_for(options: Options, purpose: str) -> ModuleType:
    """Import torch, set its threads and make sure that the device exists.

    Raises:
        MissingExtraError: PyTorch is not installed.
        UserError: The device is not one of this machine.
    """
    try:
        import torch
    except ImportError as error:
        raise missing_extra(error, "PyTorch", "torch", purpose) from error
    if options.threads > 0:
        torch.set_num_threads(options.threads)
    try:
        torch.empty(1, device=options.device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(
            f"device {options.device!r} cannot be used ({str(error).splitlines()[0]}); try --device cpu"
        ) from error
    return torch


def torch_device_ready(options: Options) -> None:
    """Apply the options that PyTorch keeps for the whole process: the number of CPU threads."""
    import torch

    if options.threads > 0:
        torch.set_num_threads(options.threads)


def device_of(name: str) -> torch.device:
    """The device of that name.

    Raises:
        UserError: There is no such device here.
    """
    import torch

    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"device {name!r}: expected cpu, cuda or cuda:N") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UserError(f"device {name!r}: PyTorch sees no CUDA device here. Use --device cpu")
    return device


def choose_device(wish: str) -> str:
    """Turn ``auto`` into ``cuda`` where there is one, else ``cpu``; check anything else.

    Raises:
        UserError: CUDA is asked for and not there, or the name is none.
    """
    if wish == "cpu":
        return wish
    try:
        import torch
    except ImportError as error:
        if wish == "auto":
            return "cpu"
        raise missing_extra(error, "PyTorch", "torch", f"--device {wish}") from error
    if wish == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=wish)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"--device {wish}: {str(error).splitlines()[0]}. Use --device cpu") from error
    return wish
