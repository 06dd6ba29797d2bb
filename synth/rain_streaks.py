"""Streaks: drops of every size and distance, drawn as anti-aliased lines into one plane of whole numbers.

A drop that falls during the exposure leaves a streak whose length follows its terminal speed, whose size follows
its closeness, and along which its oscillation makes the light flicker (Garg and Nayar, 2007). Sizes follow
Marshall and Palmer (1948), speeds Atlas et al. (1973).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.contract import FloatArray
from synth.rain_parameters import RainParameters
from synth.rain_random import GRAIN, Draw, rounded, triangular, uniforms

Floats32 = npt.NDArray[np.float32]
Plane = npt.NDArray[np.intp]

UNIT = 4096
"""Whole number in a plane that stands for an optical thickness of 1."""

_GUARD = 2  # columns left and right of the image that take what falls outside
_THINNEST = 0.9  # pixels; thinner streaks are drawn this wide and fainter instead
_STEEPEST = 62.0  # degrees from vertical
_MM_SMALLEST, _MM_LARGEST = 0.5, 5.0


@dataclass(frozen=True)
class Streaks:
    """Attributes of N streaks, each (N,) float32, in pixels of the image.

    Attributes:
        left: Horizontal position of the upper end.
        top: Vertical position of the upper end.
        drop: Vertical extent, at least one pixel.
        slope: Horizontal pixels per vertical pixel.
        width: Width, at least ``_THINNEST``.
        thickness: Optical thickness on the axis, in ``UNIT``.
        waves: Oscillations along the streak.
        phase: Phase of the oscillation in turns.
    """

    left: Floats32
    top: Floats32
    drop: Floats32
    slope: Floats32
    width: Floats32
    thickness: Floats32
    waves: Floats32
    phase: Floats32

    def select(self, which: npt.NDArray[np.intp]) -> Streaks:
        """Some of the streaks."""
        return Streaks(*(getattr(self, name)[which] for name in Streaks.__dataclass_fields__))


def scale_of(size: tuple[int, int]) -> float:
    """The image scale S in pixels of a (height, width): 480 for 640x480 in either orientation."""
    return float(np.sqrt(0.75 * size[0] * size[1]))


def streak_count(parameters: RainParameters, image: Draw, severity: float, size: tuple[int, int]) -> int:
    """Number of streaks in an image; grows with the square root of the severity."""
    area = size[0] * size[1] / scale_of(size) ** 2
    return round(parameters.density * image.count * area * float(np.sqrt(severity)))


def streaks_of(parameters: RainParameters, image: Draw, key: str, severity: float, size: tuple[int, int]) -> Streaks:
    """Draw the streaks of one image. A lower severity has the first of a higher one's streaks.

    Args:
        parameters: The rain.
        image: What was drawn for the image as a whole.
        key: The image's key.
        severity: At least 0.
        size: (height, width) in pixels.
    """
    p, (height, width), scale = parameters, size, scale_of(size)
    count = streak_count(p, image, severity, size)

    def of(tag: str) -> FloatArray:
        return uniforms(key, tag, count)

    closeness = _closeness(of("closeness"), p)
    size_mm, speed = _drops(of("size"), p)
    across = of("across")
    length = p.length * image.length * closeness * speed * (1 + p.length_variation * (2 * of("length") - 1)) * scale
    wide = p.width * closeness * np.minimum(size_mm, 1.6) * scale
    thickness = closeness**p.closeness_brightness * (1 + p.brightness_variation * (2 * of("brightness") - 1))
    degrees = image.angle + p.perspective * (2 * across - 1) + p.angle_jitter * triangular(of("angle"))
    degrees = degrees + np.where(of("gust") < p.gust_share, image.gust, 0.0)
    radians = np.deg2rad(np.clip(degrees, -_STEEPEST, _STEEPEST))
    drop = np.maximum(rounded(length * np.cos(radians)), 1.0)
    slope = rounded(np.tan(radians))
    lean = np.abs(drop * slope)
    return Streaks(
        left=_single(across * (width + lean) - lean / 2 - drop * slope / 2),
        top=_single(of("down") * (height + drop) - drop),
        drop=_single(drop),
        slope=_single(slope),
        width=_single(np.maximum(wide, _THINNEST)),
        thickness=_single(UNIT * thickness * np.minimum(wide / _THINNEST, 1.0)),
        waves=_single(1.0 + 4.0 * of("waves")),
        phase=_single(of("phase")),
    )


def _single(values: FloatArray) -> Floats32:
    return rounded(values).astype(np.float32)


def _closeness(uniform: FloatArray, p: RainParameters) -> FloatArray:
    """Inverse distance in [closeness_min, 1], distributed as a power law."""
    power = 1.0 - p.depth_exponent
    far = p.closeness_min**power
    return np.asarray((far + uniform * (1.0 - far)) ** (1.0 / power))


def _drops(uniform: FloatArray, p: RainParameters) -> tuple[FloatArray, FloatArray]:
    """Diameters and terminal speeds of drops, both relative to those of the mean drop."""
    mean_excess = p.rain_rate**0.21 / 4.1
    diameter = np.minimum(_MM_SMALLEST - mean_excess * np.log1p(-uniform), _MM_LARGEST)
    mean = _MM_SMALLEST + mean_excess
    return diameter / mean, (9.65 - 10.3 * np.exp(-0.6 * diameter)) / (9.65 - 10.3 * np.exp(-0.6 * mean))


def splat(streaks: Streaks, parameters: RainParameters, size: tuple[int, int]) -> Plane:
    """Add up the optical thickness of all streaks.

    Every contribution is a whole number, so the sum is the same in any order.

    Returns:
        (H, W) whole numbers, in ``UNIT``.
    """
    height, width = size
    stride = width + 2 * _GUARD
    rows = np.floor(streaks.top + streaks.drop).astype(np.intp) - np.floor(streaks.top).astype(np.intp) + 1
    places: list[npt.NDArray[np.intp]] = []
    weights: list[FloatArray] = []
    for group in _groups(rows, streaks.width):
        chosen = streaks.select(group)
        row, axis, weight = _rows(chosen, int(rows[group].max()), parameters, height)
        for offset, share in _taps(axis, weight, chosen.width):
            column = np.clip(offset, -_GUARD, width + _GUARD - 1)
            places.append((row * stride + (column + _GUARD)).astype(np.intp).ravel())
            weights.append(share.astype(np.float64).ravel())
    if not places:
        return np.zeros(size, dtype=np.intp)
    total = np.bincount(np.concatenate(places), np.concatenate(weights), minlength=height * stride)
    return total.reshape(height, stride)[:, _GUARD:-_GUARD].astype(np.intp)


def _groups(rows: Plane, width: Floats32) -> list[Plane]:
    """Streaks of similar extent, so that a group is one dense array: at most a quarter of it is padding."""
    thin = width <= 1.0
    order = np.lexsort((rows, ~thin))
    groups: list[Plane] = []
    for part in (order[: int(thin.sum())], order[int(thin.sum()) :]):
        start = 0
        while start < len(part):
            longest = max(int(rows[part[start]]) * 5 // 4, int(rows[part[start]]) + 2)
            stop = int(np.searchsorted(rows[part], longest, side="right"))
            groups.append(part[start:stop])
            start = stop
    return groups


def _rows(s: Streaks, most: int, p: RainParameters, height: int) -> tuple[Floats32, Floats32, Floats32]:
    """Image row, horizontal position of the axis and weight of ``most`` rows of each streak: (most, N) each."""
    first = np.floor(s.top)
    step = np.arange(most, dtype=np.float32)[:, None]
    row = first + step
    below = (first + np.float32(0.5) - s.top) + step  # from the upper end to the centre of the row
    along = below * (np.float32(1) / s.drop)
    axis = s.left + s.slope * below
    fade = np.clip(np.minimum(along, 1 - along) * np.float32(1 / p.taper), 0, 1)
    turn = along * s.waves + s.phase
    turn = (turn - np.floor(turn)) * 2 - 1
    weight = fade * fade * (3 - 2 * fade) * (1 - np.float32(p.flicker) * (turn * turn)) * s.thickness
    outside = (row < 0) | (row >= height)
    weight[outside] = 0
    return np.clip(row, 0, height - 1), axis, weight


def _taps(axis: Floats32, weight: Floats32, width: Floats32) -> list[tuple[Floats32, Floats32]]:
    """Columns and whole-number weights: two linear taps for thin streaks, a smooth bell for wide ones."""
    place = axis - np.float32(0.5)
    column = np.floor(place)
    if width.max() <= 1.0:
        right = np.rint((place - column) * weight)
        return [(column, np.rint(weight) - right), (column + 1, right)]
    radius = np.float32(0.85) * width + np.float32(0.35)
    inverse = np.float32(1) / radius
    reach = int(np.ceil(radius.max()))
    taps = []
    for offset in range(-reach, reach + 2):
        distance = (column + offset - place) * inverse
        bell = np.maximum(1 - distance * distance, 0)
        taps.append((column + offset, np.rint(bell * bell * weight)))
    return taps


def opacity_table(gain: float, most: float) -> Floats32:
    """Opacity for every optical thickness up to 4 ``UNIT``: most * (1 - exp(-gain * thickness / most)).

    Overlapping streaks add up as layers of paint do, and never hide the scene altogether.
    """
    thickness = np.arange(4 * UNIT + 1) / UNIT
    return rounded(most * -np.expm1(-gain * thickness / most)).astype(np.float32)


__all__ = ["GRAIN", "UNIT", "Plane", "Streaks", "opacity_table", "scale_of", "splat", "streak_count", "streaks_of"]
