"""Draw streaks, drops of every size and distance, as anti-aliased lines into one plane of whole numbers.

A drop that falls during the exposure leaves a streak whose length follows its terminal speed, whose size follows
its closeness, and along which its oscillation makes the light flicker (Garg and Nayar, 2007). Sizes follow
Marshall and Palmer (1948), speeds Atlas et al. (1973).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.contract import FloatArray
from synth.rain.keyed_random import Draw, rounded, triangular, uniforms
from synth.rain.parameters import RainParameters

Floats32 = npt.NDArray[np.float32]
Whole = npt.NDArray[np.intp]
Plane = npt.NDArray[np.uint16]

UNIT = 4096
"""Whole number in a plane that stands for an optical thickness of 1."""

THICKEST = 4 * UNIT
"""Thicker is not told apart."""

_STEEPEST = 62.0  # degrees from vertical
_REACHES = np.array([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256, 512, 1024, 2048, 4096])
_MM_SMALLEST, _MM_LARGEST = 0.5, 5.0


@dataclass(frozen=True)
class Streaks:
    """Attributes of N streaks, each (N,) float32, in pixels of the image.

    Attributes:
        left: Horizontal position of the upper end.
        top: Vertical position of the upper end.
        drop: Vertical extent, at least one pixel.
        slope: Horizontal pixels per vertical pixel.
        width: Horizontal width.
        thickness: Optical thickness times width, in ``UNIT``: what one row adds up to.
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

    def select(self, which: Whole) -> Streaks:
        """Take some of the streaks."""
        return Streaks(*(getattr(self, name)[which] for name in Streaks.__dataclass_fields__))


def scale_of(size: tuple[int, int]) -> float:
    """Compute the image scale S in pixels of a (height, width): 480 for 640x480 in either orientation."""
    return float(np.sqrt(0.75 * size[0] * size[1]))


def streak_count(parameters: RainParameters, image: Draw, severity: float, size: tuple[int, int]) -> int:
    """Count the streaks of an image; the number grows with the square root of the severity."""
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
    thickness = closeness**p.closeness_brightness * 2.0 ** (p.brightness_spread * triangular(of("brightness")))
    degrees = image.angle + p.perspective * (2 * across - 1) + p.angle_jitter * triangular(of("angle"))
    degrees = degrees + np.where(of("gust") < p.gust_share, image.gust, 0.0)
    radians = np.deg2rad(np.clip(degrees, -_STEEPEST, _STEEPEST))
    drop = np.maximum(rounded(length * np.cos(radians)), 1.0)
    slope = rounded(np.tan(radians))
    wide = wide * np.sqrt(1.0 + slope * slope)
    lean = np.abs(drop * slope)
    return Streaks(
        left=_single(across * (width + lean) - lean / 2 - drop * slope / 2),
        top=_single(of("down") * (height + drop) - drop),
        drop=_single(drop),
        slope=_single(slope),
        width=_single(wide),
        thickness=_single(UNIT * thickness * wide),
        waves=_single(1.0 + 4.0 * of("waves")),
        phase=_single(of("phase")),
    )


def _single(values: FloatArray) -> Floats32:
    return rounded(values).astype(np.float32)


def _closeness(uniform: FloatArray, p: RainParameters) -> FloatArray:
    """Draw inverse distances in [closeness_min, 1], distributed as a power law."""
    power = 1.0 - p.depth_exponent
    far = p.closeness_min**power
    return np.asarray((far + uniform * (1.0 - far)) ** (1.0 / power))


def _drops(uniform: FloatArray, p: RainParameters) -> tuple[FloatArray, FloatArray]:
    """Draw diameters and terminal speeds of drops, both relative to those of the mean drop."""
    mean_excess = p.rain_rate**0.21 / 4.1
    diameter = np.minimum(_MM_SMALLEST - mean_excess * np.log1p(-uniform), _MM_LARGEST)
    mean = _MM_SMALLEST + mean_excess
    return diameter / mean, (9.65 - 10.3 * np.exp(-0.6 * diameter)) / (9.65 - 10.3 * np.exp(-0.6 * mean))


def splat(streaks: Streaks, parameters: RainParameters, size: tuple[int, int]) -> Plane:
    """Add up the optical thickness of all streaks.

    Every contribution is a whole number, so the sum is the same in any order.

    Returns:
        (H, W) uint16, in ``UNIT``, at most ``THICKEST``.
    """
    height, width = size
    first, rows = rows_of(streaks, height)
    groups = groups_of(rows, reach_of(streaks.width))
    if not groups:
        return np.zeros(size, dtype=np.uint16)
    # Columns left and right, and rows below, take what falls outside.
    guard = 2 * int(reach_of(streaks.width).max())
    stride = width + 2 * guard
    total = np.zeros((height + max(int(rows[group[-1]]) for group in groups)) * stride, dtype=np.int32)
    for group in groups:
        chosen, count = streaks.select(group), int(rows[group[-1]])
        axis, weight = _rows(chosen, first[group], count, parameters)
        axis -= np.float32(0.5)
        column = np.floor(axis)
        axis -= column
        reach = int(reach_of(chosen.width[:1])[0])
        np.clip(column, -reach - 1, width + reach - 1, out=column)
        origin = column.astype(np.intp)
        origin += np.arange(count)[:, None] * stride + (first[group] * stride + guard)
        for offset, share in _taps(axis, weight, chosen.width, reach):
            np.add.at(total, (origin + offset).ravel(), share.ravel())
    np.minimum(total, THICKEST, out=total)
    return total[: height * stride].reshape(height, stride)[:, guard:-guard].astype(np.uint16)


def rows_of(streaks: Streaks, height: int) -> tuple[Whole, Whole]:
    """Find the first visible row of each streak, and how many follow from there."""
    first = np.maximum(np.floor(streaks.top), 0).astype(np.intp)
    return first, np.minimum(np.floor(streaks.top + streaks.drop).astype(np.intp), height - 1) - first + 1


def reach_of(width: Floats32) -> Whole:
    """Count the columns that a streak may cover on either side of its axis; 1 means thin: two linear taps.

    Rounded up to few different values, so that there are few groups.
    """
    columns = np.where(width <= 1.0, 1, np.ceil(radius_of(width)).astype(np.intp))
    return _REACHES[np.searchsorted(_REACHES, columns)]


def radius_of(width: Floats32) -> Floats32:
    """Compute the radius of the bell across a wide streak: near drops are out of focus, so their edges are soft."""
    return np.float32(1.25) * width + np.float32(0.25)


def groups_of(rows: Whole, reach: Whole) -> list[Whole]:
    """Group streaks of equal reach and similar extent, in ascending order: a group makes one dense array.

    Padding costs less than many small arrays, of which there would be more where streaks are few, wide and long.
    """
    order = np.lexsort((rows, reach))
    extents, reaches = rows[order], reach[order]
    groups: list[Whole] = []
    start = 0
    while start < len(order):
        longest = int(extents[start]) * 5 // 4 + 2 if reaches[start] == 1 else int(extents[start]) * 8 // 5 + 4
        same = int(np.searchsorted(reaches, reaches[start], side="right"))
        stop = start + int(np.searchsorted(extents[start:same], longest, side="right"))
        groups.append(order[start:stop])
        start = stop
    return groups


def _rows(s: Streaks, first: Whole, count: int, p: RainParameters) -> tuple[Floats32, Floats32]:
    """Compute the axis' column and weight in ``count`` rows of each streak from ``first``: (count, N) each."""
    one = np.float32(1)
    step = np.arange(count, dtype=np.float32)[:, None]
    below = step + (first.astype(np.float32) + np.float32(0.5) - s.top)  # from the upper end to the row's centre
    along = below * (one / s.drop)
    below *= s.slope
    below += s.left
    fade = np.minimum(along, one - along)
    fade *= np.float32(1 / p.taper)
    np.minimum(fade, one, out=fade)
    np.maximum(fade, np.float32(0), out=fade)
    along *= s.waves
    along += s.phase
    along -= np.floor(along)
    along -= np.float32(0.5)
    along *= along
    along *= np.float32(-4 * p.flicker)
    along += one  # the oscillation: 1 in the middle of a turn, 1 - flicker at its ends
    along *= s.thickness
    along *= fade
    along *= fade
    fade *= np.float32(-2)
    fade += np.float32(3)
    along *= fade
    return below, along


def _taps(
    share: Floats32, weight: Floats32, width: Floats32, reach: int
) -> Iterator[tuple[int, npt.NDArray[np.int32]]]:
    """Compute columns, counted from the one left of the axis, and their weights.

    Args:
        share: (rows, N) distance of the axis from the column's centre, in [0, 1).
        weight: (rows, N) what a row adds up to.
        width: (N,) widths of the streaks.
        reach: Columns on either side that the widest of them covers.

    Yields:
        Offset of the column and its weights (rows, N) in whole numbers.
    """
    half = np.float32(0.5)
    if reach == 1:
        right = (share * weight + half).astype(np.int32)
        yield 0, (weight + half).astype(np.int32) - right
        yield 1, right
        return
    inverse = np.float32(1) / radius_of(width)
    weight = weight * (np.float32(35 / 32) * inverse)  # the bell's sum is 32/35 of its radius
    start = share * inverse
    for offset in range(1 - reach, reach + 1):
        distance = np.float32(offset) * inverse - start
        distance *= distance
        bell = np.maximum(np.float32(1) - distance, np.float32(0))
        weighed = bell * weight
        weighed *= bell
        weighed *= bell
        weighed += half
        yield offset, weighed.astype(np.int32)


def opacity_table(gain: float, most: float) -> Floats32:
    """Tabulate opacity by optical thickness up to ``THICKEST``: most * (1 - exp(-gain * thickness / most)).

    Overlapping streaks add up as layers of paint do, and never hide the scene altogether.
    """
    thickness = np.arange(THICKEST + 1) / UNIT
    return rounded(most * -np.expm1(-gain * thickness / most)).astype(np.float32)
