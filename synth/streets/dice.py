"""Draw numbers and noise for scenes, the same on every machine and NumPy version.

Only the raw stream of PCG64 is used, which NumPy promises never to change; what its ``Generator`` makes of it may.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Item = TypeVar("Item")
Floats: TypeAlias = npt.NDArray[np.float32]

TILE = 256
"""Side of the noise tile in cells; a power of two, so that it repeats by masking bits."""


class Dice:
    """Seeded random numbers. Equal keys give equal throws.

    Args:
        *key: Whole numbers >= 0, such as seed, split and number of the scene.
    """

    def __init__(self, *key: int) -> None:
        self._stream = np.random.PCG64(np.random.SeedSequence(key))
        self._raw = self._stream.random_raw

    def between(self, low: float, high: float) -> float:
        """Draw a number in [low, high)."""
        return low + (high - low) * ((self._raw() >> 11) * 2.0**-53)

    def below(self, count: int) -> int:
        """Draw a whole number in 0 .. count - 1."""
        return int(self.between(0, count))

    def happens(self, probability: float) -> bool:
        """Draw True with this probability."""
        return self.between(0, 1) < probability

    def pick(self, items: Sequence[Item]) -> Item:
        """Draw one of the items, all equally likely."""
        return items[self.below(len(items))]

    def noise(self, count: int) -> Floats:
        """Draw (count,) float32, zero mean and unit variance, bell-shaped: the sum of four random bytes."""
        raw = self._raw((count + 1) // 2)
        pairs = (raw & np.uint64(0x00FF00FF00FF00FF)) + (raw >> np.uint64(8) & np.uint64(0x00FF00FF00FF00FF))
        fours = (pairs & np.uint64(0x0000FFFF0000FFFF)) + (pairs >> np.uint64(16) & np.uint64(0x0000FFFF0000FFFF))
        thrown = fours.astype("<u8").view("<i4")[:count]
        spread = 2 * ((256**2 - 1) / 12) ** 0.5
        scaled: Floats = (thrown - 510).astype(np.float32) * np.float32(1 / spread)
        return scaled


@cache
def noise_tile(octaves: int) -> Floats:
    """Draw fractal value noise in [0, 1] that repeats without a seam.

    Args:
        octaves: How many layers, each of half the grain and half the strength of the one before.

    Returns:
        (TILE, TILE) float32, not to be written to.
    """
    total = np.zeros((TILE, TILE), np.float32)
    weight = np.float32(0)
    for octave in range(octaves):
        cells = TILE >> (octaves - 1 - octave)
        stream = np.random.PCG64(np.random.SeedSequence((97, octaves, octave)))
        grid: Floats = (stream.random_raw(cells * cells).reshape(cells, cells) >> np.uint64(40)).astype(np.float32)
        strength = np.float32(0.5 ** (octave + 24))
        total += strength * _stretched(_stretched(grid).T).T
        weight += strength
    low, high = total.min(), total.max()
    tile: Floats = (total - low) / (high - low)
    tile.flags.writeable = False
    return tile


def _stretched(grid: Floats) -> Floats:
    """Widen rows to TILE by smooth, periodic interpolation."""
    cells = grid.shape[1]
    place = np.arange(TILE, dtype=np.float32) * np.float32(cells / TILE)
    left = place.astype(np.int64)
    part = place - left.astype(np.float32)
    part = part * part * (3 - 2 * part)
    stretched: Floats = grid[:, left] * (1 - part) + grid[:, (left + 1) % cells] * part
    return stretched


def noise_at(tile: Floats, x: Floats, y: Floats) -> Floats:
    """Look noise up at real coordinates, nearest cell, repeating every TILE units."""
    columns = x.astype(np.int32) & (TILE - 1)
    rows = y.astype(np.int32) & (TILE - 1)
    found: Floats = tile.take(rows * TILE + columns)
    return found


def hashed(a: npt.NDArray[np.int32], b: npt.NDArray[np.int32]) -> Floats:
    """Hash a pair of whole numbers to a number in [0, 1): chance without a state."""
    mixed = a.astype(np.uint32) * np.uint32(0x9E3779B1) ^ b.astype(np.uint32) * np.uint32(0x85EBCA77)
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0xC2B2AE3D)
    mixed ^= mixed >> np.uint32(13)
    return (mixed >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def part(value: Floats, step: float) -> Floats:
    """Return where a value lies in its step, 0 .. step."""
    rest: Floats = value - np.floor(value * np.float32(1 / step)) * np.float32(step)
    return rest
