"""Reading a checkpoint that may be hostile: tensors only, never code."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import MissingExtraError, UserError

if TYPE_CHECKING:
    from torch import Tensor, nn


def read_checkpoint(path: Path) -> dict[str, object]:
    """Read the outermost dictionary of a ``.safetensors`` or torch file, on the CPU.

    Raises:
        UserError: The file is no checkpoint, is truncated, or carries anything but tensors and plain values.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("PyTorch", "torch", f"reading {path}") from error
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path}: refused: it is not a plain file of tensors, and loading it could run code "
            f"({str(error).splitlines()[0]}). Ask its author for a state dict or a .safetensors file"
        ) from error
    except Exception as error:  # damaged zip, short read, bad header: every library has its own exceptions
        raise UserError(f"{path}: not a readable checkpoint ({type(error).__name__}: {error})") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a dictionary of tensors, found {type(content).__name__}")
    return content


def load_state(network: nn.Module, state: Mapping[Any, object], origin: str) -> None:
    """Load a state dict strictly; every fault is named.

    Args:
        network: The module that receives the tensors.
        state: Names to tensors; a leading ``module.`` (left by data parallelism) is dropped.
        origin: Where the state came from, for messages.

    Raises:
        UserError: Missing or unknown keys, keys that are no names, another shape, something that is no tensor,
            NaN or infinity.
    """
    import torch

    tensors: dict[str, Tensor] = {}
    for name, value in state.items():
        if not isinstance(name, str):
            raise UserError(f"{origin}: has the key {name!r}, expected names of tensors; it is no state dict")
        if not isinstance(value, torch.Tensor):
            raise UserError(f"{origin}: {name!r} is a {type(value).__name__}, expected a tensor")
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise UserError(f"{origin}: {name!r} holds NaN or infinite values; the file is damaged")
        tensors[name.removeprefix("module.")] = value
    wanted = network.state_dict()
    for fault, names in (("lacks", wanted.keys() - tensors.keys()), ("has unknown", tensors.keys() - wanted.keys())):
        if names:
            raise UserError(
                f"{origin}: {fault} {len(names)} of the {len(wanted)} tensors of {type(network).__name__}, "
                f"first {min(names)!r}; it belongs to another network"
            )
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape:
            raise UserError(
                f"{origin}: {name!r} has shape {tuple(tensor.shape)}, expected {tuple(wanted[name].shape)}; "
                "it belongs to another network"
            )
    network.load_state_dict(tensors)
