"""Where torch models run."""

from __future__ import annotations

from types import ModuleType

from bench.contract import Options
from bench.errors import MissingExtraError, UserError


def torch_for(options: Options, purpose: str) -> ModuleType:
    """Import torch, set its threads and make sure that the device exists.

    Raises:
        MissingExtraError: PyTorch is not installed.
        UserError: The device is not one of this machine.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("PyTorch", "torch", purpose) from error
    if options.threads > 0:
        torch.set_num_threads(options.threads)
    try:
        torch.empty(1, device=options.device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(
            f"device {options.device!r} cannot be used ({str(error).splitlines()[0]}); try --device cpu"
        ) from error
    return torch
