"""Blend the layers of rain over an image, in strips between two rows of nodes, each small enough for the cache."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import numpy.typing as npt

from bench.contract import FloatArray, Image
from synth.rain.grid import between
from synth.rain.keyed_random import rounded

Floats32 = npt.NDArray[np.float32]

_STEPS = 4096  # linear light is turned back into sRGB by a table of this many steps


def blend(
    image: Image,
    thickness: npt.NDArray[np.uint16],
    table: Floats32,
    veil: tuple[FloatArray, FloatArray, FloatArray],
    occlusion: float,
    linear: bool,
) -> Image:
    """Put rain over an image: rainy = V + opacity * (light - occlusion * V), where V = clean * T + air.

    Only additions and multiplications of float32 touch the pixels, so every machine gives the same bytes.

    Args:
        image: (H, W, 3) uint8 RGB.
        thickness: (H, W) optical thickness of the streaks.
        table: Their opacity in [0, 1) for every thickness.
        veil: Grids T (h, w), air (h, w, 3) and light (h, w, 3), in [0, 1], in the space of blending.
        occlusion: 1 hides the scene behind streaks, 0 adds light only.
        linear: Blend in linear light instead of sRGB values.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    height, width = image.shape[:2]
    top = top_of(linear)
    nodes = nodes_of(veil, width, top, occlusion)
    before, share = between(height, len(nodes))
    cuts = [0, *(np.flatnonzero(np.diff(before)) + 1).tolist(), height]
    rainy = np.empty_like(image)
    flat, rainy_flat = image.reshape(height, -1), rainy.reshape(height, -1)
    values = to_linear() * np.float32(top)
    for start, stop in itertools.pairwise(cuts):
        rows, node = slice(start, stop), before[start]
        change = nodes[min(node + 1, len(nodes) - 1)] - nodes[node]
        layers = change[:, None] * share[rows][:, None]
        layers += nodes[node][:, None]
        through, air, light = layers
        seen = values[flat[rows]] if linear else flat[rows].astype(np.float32)
        seen *= through
        seen += air
        light -= seen if occlusion == 1.0 else seen * np.float32(occlusion)
        light *= _thrice(table.take(thickness[rows], mode="clip"))
        seen += light
        if occlusion < 1.0:
            np.minimum(seen, np.float32(top + 0.5), out=seen)
        rainy_flat[rows] = to_srgb()[seen.astype(np.intp)] if linear else seen
    return rainy


def top_of(linear: bool) -> float:
    """Return the value that stands for full light while blending."""
    return float(_STEPS) if linear else 255.0


def nodes_of(veil: tuple[FloatArray, FloatArray, FloatArray], width: int, top: float, occlusion: float) -> Floats32:
    """Lay out the grids of T, air and light in pixel values, (h, 3, 3 * width), as wide as interleaved image rows.

    Half a step is added to what results, so that cutting off the fraction rounds.
    """
    through, air, light = veil
    planes = np.stack(
        [np.repeat(through[..., None], 3, axis=2), (air * top + 0.5), (light * top + 0.5 * occlusion)], axis=1
    )
    before, share = between(width, through.shape[1])
    narrow = planes.astype(np.float32)
    left = narrow.take(before, axis=2)
    step = narrow.take(np.minimum(before + 1, through.shape[1] - 1), axis=2)
    step -= left
    step *= share[:, None]
    left += step
    return left.reshape(len(through), 3, -1)


def _thrice(plane: Floats32) -> Floats32:
    """Repeat every column for the three channels: (rows, W) becomes (rows, 3 * W)."""
    channels = np.empty((*plane.shape, 3), dtype=np.float32)
    for channel in range(3):  # several times as fast as np.repeat
        channels[..., channel] = plane
    return channels.reshape(len(plane), -1)


@cache
def to_linear() -> Floats32:
    """Tabulate the linear light in [0, 1] of each of the 256 sRGB values (IEC 61966-2-1)."""
    table = rounded(linear_of(np.arange(256) / 255.0)).astype(np.float32)
    table.setflags(write=False)
    return table


def linear_of(srgb: FloatArray) -> FloatArray:
    """Convert sRGB values in [0, 1] to linear light; multiples of 1 / GRAIN."""
    return rounded(np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4))


@cache
def to_srgb() -> Image:
    """Tabulate the sRGB value of each of ``_STEPS`` + 1 steps of linear light."""
    light = np.arange(_STEPS + 1) / _STEPS
    srgb = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    table = np.rint(255.0 * srgb).astype(np.uint8)
    table.setflags(write=False)
    return table
