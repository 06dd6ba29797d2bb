"""Exported networks as derainers: ONNX and TorchScript files.

The file maps float32 (N, 3, H, W) RGB in [0, 1] to the same. A network that needs sizes of a certain
multiple says so inside the file: metadata ``multiple_of`` in ONNX, an extra file ``multiple_of`` in TorchScript.
Whatever has other conventions (BGR, another range) fits into the ten lines of ``file.py:factory``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from zipfile import is_zipfile

import numpy as np

from bench.contract import Image, Options, Traits
from bench.errors import ImageError, UserError, missing_extra
from bench.io.telemetry import forbid_telemetry
from derainers.pixels import check_images, pad_to_multiple, shape_fault

if TYPE_CHECKING:
    from derainers.torch_derainer import TorchDerainer


class OnnxDerainer:
    """Runs an ONNX file in onnxruntime.

    Args:
        session: An ``onnxruntime.InferenceSession`` with one input and one output.
        multiple_of: Sizes are padded to a multiple of this.
    """

    def __init__(self, session: Any, multiple_of: int) -> None:  # noqa: ANN401  (onnxruntime has no types)
        self._session = session
        self._input = session.get_inputs()[0]
        self.traits = Traits(
            batchable=not isinstance(self._input.shape[0], int), multiple_of=multiple_of, quantisation="round"
        )

    def __call__(self, rainy: Image, /) -> Image:
        """Restore one (H, W, 3) uint8 image."""
        return self.restore_batch([rainy])[0]

    def restore_batch(self, rainy: Sequence[Image], /) -> list[Image]:
        """Restore images of one size.

        Raises:
            ImageError: The network refuses the size, or returns another shape or NaN.
        """
        check_images(rainy)
        if not self.traits.batchable and len(rainy) > 1:
            return [self(image) for image in rainy]
        height, width = rainy[0].shape[:2]
        padded = pad_to_multiple(np.stack(rainy), self.traits.multiple_of)
        x = np.ascontiguousarray(padded.transpose(0, 3, 1, 2), dtype=np.float32) / np.float32(255)
        try:
            (y,) = self._session.run(None, {self._input.name: x})
        except Exception as error:  # onnxruntime has a family of exceptions of its own
            raise ImageError(
                f"the ONNX network does not take {width}x{height} pixels ({_first_line(error)})"
            ) from error
        if y.shape != x.shape:
            raise ImageError(f"the ONNX network returned {shape_fault(y.shape, x.shape)}")
        if not np.isfinite(y).all():
            raise ImageError("the ONNX network's output holds NaN or infinite values")
        pixels = np.rint(np.clip(y, 0, 1) * 255).astype(np.uint8).transpose(0, 2, 3, 1)
        return [np.ascontiguousarray(image) for image in pixels[:, :height, :width]]


def onnx_derainer(file: str, options: Options) -> OnnxDerainer:
    """Open an ONNX file.

    Raises:
        UserError: It is none, or has not one input and one output.
    """
    forbid_telemetry()
    try:
        import onnxruntime
    except ImportError as error:
        raise missing_extra(error, "onnxruntime", "onnx", f"running {file}") from error
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    provider = "CUDAExecutionProvider" if options.device.startswith("cuda") else "CPUExecutionProvider"
    if provider not in onnxruntime.get_available_providers():
        raise UserError(f"{file}: this onnxruntime has no {provider}; install onnxruntime-gpu or use --device cpu")
    try:
        session = onnxruntime.InferenceSession(file, settings, providers=[provider])
        multiple = session.get_modelmeta().custom_metadata_map.get("multiple_of")
        ends = len(session.get_inputs()), len(session.get_outputs())
        derainer = OnnxDerainer(session, _multiple(multiple, file)) if ends == (1, 1) else None
    except UserError:
        raise
    except Exception as error:  # onnxruntime has a family of exceptions of its own, and names may be no text
        raise UserError(f"{file}: not a usable ONNX file ({_first_line(error)})") from error
    if derainer is None:
        raise UserError(f"{file}: expected one input and one output, found {ends}; export the derained image alone")
    for end in (session.get_inputs()[0], session.get_outputs()[0]):
        if fault := _end_fault(end.type, end.shape):
            raise UserError(f"{file}: {end.name!r} {fault}")
    return derainer


def _end_fault(kind: str, shape: Sequence[int | str | None]) -> str:
    """Say why a derainer's ONNX input or output is none, from what the file declares; empty if it may be one."""
    if kind != "tensor(float)":
        return f"is {kind}, expected tensor(float): one float32 image; export the network in float32 without stages"
    dims: list[int | str | None] = list(shape)
    if len(dims) != 4:  # an output may declare no shape at all
        return f"has {len(dims)} dimensions, expected 4: (N, 3, H, W)" if dims else ""
    if dims[1] != 3 and (isinstance(dims[1], int) or dims[3] == 3):
        hint = "; its channels are last: export it with channels first" if dims[3] == 3 else ""
        return f"has shape {tuple(shape)}, expected (N, 3, H, W), RGB{hint}"
    return ""


def torchscript_derainer(file: str, options: Options) -> TorchDerainer:
    """Open a TorchScript file. It can hold code of its own in TorchScript's language: use files that you trust.

    Raises:
        UserError: It is none.
    """
    try:
        import torch
    except ImportError as error:
        raise missing_extra(error, "PyTorch", "torch", f"running {file}") from error
    from bench.devices import torch_device_ready
    from derainers.torch_derainer import TorchDerainer

    torch_device_ready(options)
    extra = {"multiple_of": ""}
    try:
        network = torch.jit.load(file, map_location="cpu", _extra_files=extra)  # type: ignore[no-untyped-call]
    except Exception as error:  # a damaged file fails in many ways
        hint = "; if it is a state dict, build the network in path/to/file.py:factory" if is_zipfile(file) else ""
        raise UserError(f"{file}: not a TorchScript file ({_first_line(error)}){hint}") from error
    traits = Traits(multiple_of=_multiple(extra["multiple_of"], file), quantisation="round")
    return TorchDerainer(network, traits, replace(options, compile=False))  # it is compiled already


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]


def _multiple(text: str | bytes | None, file: str) -> int:
    try:
        number = int(text or 1)
    except ValueError:
        number = 0
    if not 1 <= number <= 1024:
        raise UserError(f"{file}: multiple_of inside is {text!r}, expected a whole number from 1 to 1024")
    return number
