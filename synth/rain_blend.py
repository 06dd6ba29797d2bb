"""Putting the layers together, strip by strip, so that all of a strip stays in the processor's cache."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from bench.contract import FloatArray, Image
from synth.rain_grid import between, widen
from synth.rain_random import rounded

Floats32 = npt.NDArray[np.float32]

_ROWS = 16  # rows of a strip
_STEPS = 4096  # linear light is turned back into sRGB by a table of this many steps


def blend(
    image: Image,
    opacity: Floats32,
    veil: tuple[FloatArray, FloatArray, FloatArray],
    occlusion: float,
    linear: bool,
) -> Image:
    """Put rain over an image: rainy = V + opacity * (light - occlusion * V), where V = clean * T + air.

    Only additions and multiplications of float32 touch the pixels, so every machine gives the same bytes.

    Args:
        image: (H, W, 3) uint8 RGB.
        opacity: (H, W) float32 in [0, 1).
        veil: Grids T (h, w), air (h, w, 3) and light (h, w, 3), in [0, 1], in the space of blending.
        occlusion: 1 hides the scene behind streaks, 0 adds light only.
        linear: Blend in linear light instead of sRGB values.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    height, width = image.shape[:2]
    top = float(_STEPS) if linear else 255.0
    stack = _stacked(veil, width, top)
    before, share = between(height, stack.shape[1])
    table = to_linear() * np.float32(top)
    rainy = np.empty_like(image)
    for start in range(0, height, _ROWS):
        rows = slice(start, min(start + _ROWS, height))
        above = stack[:, before[rows]]
        below = stack[:, np.minimum(before[rows] + 1, stack.shape[1] - 1)]
        below -= above
        below *= share[rows][:, None]
        above += below
        clean = np.ascontiguousarray(image[rows].transpose(2, 0, 1))
        seen = table[clean] if linear else clean.astype(np.float32)
        seen *= above[0]
        seen += above[1:4]
        light = above[4:7]
        light -= seen if occlusion == 1.0 else seen * np.float32(occlusion)
        light *= opacity[rows]
        seen += light
        seen += np.float32(0.5)
        if occlusion < 1.0:
            np.minimum(seen, np.float32(top), out=seen)
        whole = to_srgb()[seen.astype(np.intp)] if linear else seen.astype(np.uint8)
        rainy[rows] = whole.transpose(1, 2, 0)
    return rainy


def _stacked(veil: tuple[FloatArray, FloatArray, FloatArray], width: int, top: float) -> Floats32:
    """The seven grids as planes (7, h, W), already as wide as the image; air and light in pixel values."""
    through, air, light = veil
    planes = np.concatenate([through[None], air.transpose(2, 0, 1) * top, light.transpose(2, 0, 1) * top])
    return np.ascontiguousarray(widen(np.moveaxis(planes, 0, -1), width).transpose(2, 0, 1))


@cache
def to_linear() -> Floats32:
    """Linear light in [0, 1] of each of the 256 sRGB values (IEC 61966-2-1)."""
    table = rounded(linear_of(np.arange(256) / 255.0)).astype(np.float32)
    table.setflags(write=False)
    return table


def linear_of(srgb: FloatArray) -> FloatArray:
    """Linear light of sRGB values in [0, 1]; multiples of 1 / GRAIN."""
    return rounded(np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4))


@cache
def to_srgb() -> Image:
    """The sRGB value of each of ``_STEPS`` + 1 steps of linear light."""
    light = np.arange(_STEPS + 1) / _STEPS
    srgb = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    table = np.rint(255.0 * srgb).astype(np.uint8)
    table.setflags(write=False)
    return table
