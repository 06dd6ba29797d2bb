"""Checkpoints of the restoration networks that the library spandrel knows (NAFNet, KBNet, SwinIR, Uformer, ...).

The library tells the network by the names in the file and its size by the shapes. Its own reader of files is not used:
what is read here are tensors alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.contract import Options, Traits
from bench.errors import UserError, missing_extra, reason_of
from bench.io.checkpoints import read_checkpoint

if TYPE_CHECKING:
    from derainers.torch_derainer import TorchDerainer


def spandrel_derainer(file: str, options: Options) -> TorchDerainer:
    """Build the restoration network in one checkpoint as a derainer, RGB in [0, 1].

    Args:
        file: A ``.pth``, ``.pt``, ``.ckpt`` or ``.safetensors`` file.
        options: Device and precision.

    Raises:
        UserError: The library is not installed, the file is hostile or damaged, no network is known by its names, or
            the network changes the size, is not for restoration or not for RGB.
    """
    try:
        import spandrel
        import torch
    except ImportError as error:
        raise missing_extra(error, "spandrel", "spandrel", f"running {file}") from error
    from bench.devices import torch_device_ready
    from derainers.torch_derainer import TorchDerainer

    torch_device_ready(options)
    state = spandrel.canonicalize_state_dict(read_checkpoint(Path(file)))
    try:
        found = spandrel.ModelLoader(device="cpu").load_from_state_dict(state)
    except spandrel.UnsupportedModelError as error:
        raise UserError(
            f"{file}: spandrel knows no network with the names in it, first {next(iter(state), '')!r}; "
            "build the network in path/to/file.py:factory"
        ) from error
    except Exception as error:  # a file that only resembles a network's fails in many ways
        raise UserError(f"{file}: not a whole checkpoint of a network of spandrel ({_one_line(error)})") from error
    if fault := _fault(found):
        raise UserError(f"{file}: {found.architecture.name}: {fault}; expected a network that restores RGB images")

    class Whole(torch.nn.Module):
        """The network with the padding, cropping and clipping that the library gives it."""

        def __init__(self) -> None:
            super().__init__()
            self.network = found.model

        def forward(self, rainy: torch.Tensor) -> torch.Tensor:
            """(1, 3, H, W) in [0, 1] to the same."""
            restored: torch.Tensor = found(rainy)
            return restored

    multiple = found.size_requirements.multiple_of
    return TorchDerainer(Whole(), Traits(batchable=False, multiple_of=multiple, quantisation="round"), options)


def _fault(found: Any) -> str:  # noqa: ANN401  (the library is optional, and so are its types)
    """Say why a network of the library is no derainer; empty if it may be one."""
    if found.purpose != "Restoration" or found.scale != 1:
        return f"is for {found.purpose} with scale {found.scale}"
    if (found.input_channels, found.output_channels) != (3, 3):
        return f"has {found.input_channels} channels in and {found.output_channels} out"
    return ""


def _one_line(error: Exception) -> str:
    return " ".join(reason_of(error).split())[:300]
