"""Check and pad images in NumPy, before they become tensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.contract import Image
from bench.errors import ImageError


def check_images(images: Sequence[Image]) -> None:
    """Refuse arrays that are no images, and batches of several sizes.

    Raises:
        ImageError: Not uint8 (H, W, 3), or not of one size.
    """
    for image in images:
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise ImageError(f"expected a uint8 RGB image of shape (H, W, 3), got {image.dtype} {image.shape}")
        if image.shape != images[0].shape:
            raise ImageError(f"expected images of one size in a batch, got {images[0].shape} and {image.shape}")


def pad_to_multiple(images: Image, multiple_of: int) -> Image:
    """Reflect (N, H, W, 3) at the right and the bottom until H and W are multiples of a number."""
    height, width = images.shape[1:3]
    down, right = -height % multiple_of, -width % multiple_of
    if not (down or right):
        return images
    return np.pad(images, ((0, 0), (0, down), (0, right), (0, 0)), mode="reflect")


def shape_fault(got: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """Describe a network's output of another shape than its (N, 3, H, W) input, and what to do about it."""
    count, channels, height, width = expected
    if got == (count, height, width, channels):
        hint = "its channels are last; export it with channels first"
    elif got == (count, 1, height, width):
        hint = "it is grey; export a network that returns RGB"
    elif len(got) == len(expected) and got[:2] == expected[:2]:
        hint = "crop what was padded, and return the size that came in"
    else:
        hint = "expected the derained image alone"
    return f"shape {got} for {expected}: {hint}"
