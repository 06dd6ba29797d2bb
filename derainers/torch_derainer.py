"""Wrap a PyTorch network as a derainer: uint8 RGB in, tensors inside, uint8 RGB out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Sized
from contextlib import contextmanager
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor, nn

from bench.contract import Image, Options, Traits
from bench.devices import check_precision, device_of
from bench.errors import ImageError
from derainers.pixels import check_images, pad_to_multiple, shape_fault

Forward = Callable[[Tensor], Tensor]
ValueRange = tuple[float, float]

_PRECISIONS = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class TorchDerainer:
    """A derainer that runs a network over images of any size, singly or in batches of one size.

    On a GPU an image of a batch may differ from the same image alone, since kernels are chosen by the shape of the
    whole; whoever wants the same bytes again gives as many images at once.

    On the CPU the images of a batch are computed one by one: some processors' kernels round a batch otherwise than a
    single image, and there a batch saves no time. With any number of threads the bytes are equal if the network keeps
    away from ``torch.sigmoid`` (see :func:`steady_sigmoid`): all other layers used here were found equal.

    Args:
        network: Float32 (N, 3, H, W) in ``value_range`` to the same shape.
        traits: Traits of the derainer; ``multiple_of`` and ``quantisation`` are acted on here.
        options: Device, precision, and whether the network is compiled; the CPU in float32 if not given.
        order: Channel order that the network was trained with.
        value_range: Values of black and white in the network's input and output.
        reach: Greatest distance in pixels at which a pixel's result depends on others; 0 if on all. An image that does
            not fit into memory is restored in parts that overlap by this much, which changes nothing.
    """

    def __init__(
        self,
        network: nn.Module,
        traits: Traits,
        options: Options | None = None,
        order: Literal["rgb", "bgr"] = "rgb",
        value_range: ValueRange = (0.0, 1.0),
        reach: int = 0,
    ) -> None:
        self.traits = traits
        self._reach = reach
        options = options or Options()
        check_precision(options)
        self._device = device_of(options.device)
        self._precision = _PRECISIONS[options.precision]
        self._tf32 = options.precision == "tf32"
        self.network = network.to(self._device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.forward = cast(Forward, torch.compile(self.network) if options.compile else self.network)
        self._order = order
        self._range = value_range

    def __call__(self, rainy: Image, /) -> Image:
        """Restore one (H, W, 3) uint8 image."""
        return self.restore_batch([rainy])[0]

    def restore_batch(self, rainy: Sequence[Image], /) -> list[Image]:
        """Restore images of one size; on the CPU each as it would be alone.

        Raises:
            ImageError: An image is not uint8 (H, W, 3), the sizes differ, they exceed the memory, or the network's
                output holds NaN.
        """
        if not rainy:
            return []
        check_images(rainy)
        if not self.traits.batchable or self._device.type == "cpu":
            return [restored for image in rainy for restored in self._restore([image])]
        return self._restore(rainy)

    def _restore(self, rainy: Sequence[Image]) -> list[Image]:
        try:
            return self._run(rainy)
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
        # Outside of the handler, so that the failed attempt's tensors are freed before the next.
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        if len(rainy) > 1:  # not by halves: the bytes would depend on how much memory is free
            height, width = rainy[0].shape[:2]
            raise ImageError(
                f"{len(rainy)} images of {width}x{height} do not fit into the memory of {self._device} at once; "
                f"give --batch {len(rainy) // 2}"
            )
        return [self._restore_in_parts(rainy[0])]

    def _restore_in_parts(self, rainy: Image) -> Image:
        """Restore the two halves of the longer side, each with as much of the other as it depends on."""
        height, width = rainy.shape[:2]
        axis = 0 if height >= width else 1
        middle = rainy.shape[axis] // 2
        if not (self.traits.tileable and 0 < self._reach < middle):
            raise ImageError(
                f"{width}x{height} pixels do not fit into the memory of {self._device}; use smaller images"
            )
        first, second = (
            np.split(rainy, [middle + self._reach], axis)[0],
            np.split(rainy, [middle - self._reach], axis)[1],
        )
        done_first, done_second = self._restore([first])[0], self._restore([second])[0]
        parts = (np.split(done_first, [middle], axis)[0], np.split(done_second, [self._reach], axis)[1])
        return np.concatenate(parts, axis=axis)

    @contextmanager
    def arithmetic(self) -> Iterator[None]:
        """Context manager: compute without gradients, in the precision of the options."""
        half = torch.autocast(self._device.type, self._precision, enabled=self._precision is not torch.float32)
        with torch.inference_mode(), convolutions_of(self._tf32), half:
            yield

    def _run(self, rainy: Sequence[Image]) -> list[Image]:
        height, width = rainy[0].shape[:2]
        padded = pad_to_multiple(np.stack(rainy), self.traits.multiple_of)
        with self.arithmetic():
            x = to_tensor(padded, self._device, self._order, self._range)
            y = checked_output(self.forward(x), x)[:, :, :height, :width]
            return list(to_images(y, self._order, self._range, rounded=self.traits.quantisation == "round"))


def checked_output(y: object, x: Tensor) -> Tensor:
    """Refuse what is no restored batch.

    Args:
        y: What the network returned.
        x: (N, 3, H, W), what it was given.

    Raises:
        ImageError: Naming what came instead: several tensors, another shape, whole numbers, NaN.
    """
    if not isinstance(y, Tensor):
        count = f" of {len(y)}" if isinstance(y, Sized) else ""
        raise ImageError(f"the network returned a {type(y).__name__}{count}; let it return the derained image alone")
    if y.shape != x.shape:
        raise ImageError(f"the network returned {shape_fault(tuple(y.shape), tuple(x.shape))}")
    if not y.is_floating_point():
        raise ImageError(f"the network returned {str(y.dtype).removeprefix('torch.')}, expected floats")
    if not torch.isfinite(y).all():
        raise ImageError("the network's output holds NaN or infinite values")
    return y


def to_tensor(images: Image, device: torch.device, order: str, value_range: ValueRange) -> Tensor:
    """Turn (N, H, W, 3) uint8 RGB into (N, 3, H, W) float32, channels last, black and white at ``value_range``."""
    black, white = value_range
    pixels = torch.from_numpy(images).to(device).permute(0, 3, 1, 2)
    if order == "bgr":
        pixels = pixels.flip(1)
    x = pixels.to(torch.float32, memory_format=torch.channels_last).div_(255.0 / (white - black))
    return x.add_(black) if black else x


def to_images(y: Tensor, order: str, value_range: ValueRange, rounded: bool) -> Image:
    """Turn (N, 3, H, W) floats into (N, H, W, 3) uint8 RGB, rounded or truncated, clipped to the range."""
    black, white = value_range
    scaled = (y.float() - black).mul_(255.0 / (white - black)).clamp_(0.0, 255.0)
    if rounded:
        scaled = scaled.round_()
    pixels = scaled.to(torch.uint8)
    if order == "bgr":
        pixels = pixels.flip(1)
    result: Image = pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return result


def steady_sigmoid(x: Tensor) -> Tensor:
    """Compute a sigmoid whose bits depend on neither batch nor threads.

    On the CPU ``torch.sigmoid`` computes the ends of every thread's share by another formula than the
    rest, so its last bit moves with batch size and thread count; ``tanh`` has no such seam.
    """
    return torch.tanh(x * 0.5).mul(0.5).add(0.5)


@contextmanager
def convolutions_of(tf32: bool) -> Iterator[None]:
    """Forbid run-to-run differences in CUDA convolutions, and TensorFloat-32 (10 bits of mantissa) unless asked for.

    Matrix products stay in float32 either way, as PyTorch has it unless told otherwise.
    """
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=tf32):
        yield


def _is_out_of_memory(error: Exception) -> bool:
    known = (MemoryError, torch.OutOfMemoryError)
    return isinstance(error, known) or "allocate memory" in str(error).lower()
