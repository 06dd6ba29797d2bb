"""Shrink, blur and enlarge small grids that stand for slowly varying pictures: one node per 16 x 16 pixels.

All grids hold multiples of 1 / GRAIN (see :mod:`synth.rain.keyed_random`), so that the matrix products below are exact.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from bench.contract import FloatArray, Image
from synth.rain.keyed_random import rounded

CELL = 16
"""Pixels between two nodes."""

_SAMPLE = 2  # every second pixel in both directions is enough for a mean of 64


def grid_shape(size: tuple[int, int]) -> tuple[int, int]:
    """Count the nodes (rows, columns) of the grid for an image of (height, width)."""
    return max(1, round(size[0] / CELL)), max(1, round(size[1] / CELL))


def shrink(image: Image) -> FloatArray:
    """Average the colours around each node: (h, w, 3) in [0, 1]."""
    step = _SAMPLE if min(image.shape[:2]) >= CELL else 1
    sample = image[::step, ::step]
    rows, columns = grid_shape(image.shape[:2])
    top = np.arange(rows) * sample.shape[0] // rows
    left = np.arange(columns) * sample.shape[1] // columns
    sums = np.add.reduceat(np.add.reduceat(sample, top, axis=0, dtype=np.int32), left, axis=1)
    tall = np.diff(np.append(top, sample.shape[0]))
    wide = np.diff(np.append(left, sample.shape[1]))
    return rounded(sums / (255.0 * tall[:, None, None] * wide[None, :, None]))


def between(length: int, nodes: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Find for each of ``length`` pixels the node before it and the share of the next one (linear interpolation)."""
    place = np.clip((np.arange(length) + 0.5) * nodes / length - 0.5, 0, nodes - 1)
    before = np.minimum(place.astype(np.intp), max(nodes - 2, 0))
    return before, rounded(place - before).astype(np.float32)


def enlarge(grid: FloatArray, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Interpolate a grid (h, w, ...) to an image of (height, width)."""
    picture = grid.astype(np.float32)
    for axis, length in enumerate(size):
        before, share = between(length, grid.shape[axis])
        start = picture.take(before, axis)
        stop = picture.take(np.minimum(before + 1, grid.shape[axis] - 1), axis)
        picture = start + (stop - start) * share.reshape([-1 if a == axis else 1 for a in range(grid.ndim)])
    return np.asarray(picture, dtype=np.float32)


def blur(grid: FloatArray, sigma: float) -> FloatArray:
    """Blur a grid by a Gaussian with edges repeated; ``sigma`` in nodes."""
    rows = np.tensordot(_blur_matrix(grid.shape[0], sigma), grid, axes=(1, 0))
    columns = np.tensordot(rounded(rows), _blur_matrix(grid.shape[1], sigma), axes=(1, 1))
    return rounded(np.moveaxis(columns, -1, 1))


@lru_cache(maxsize=64)
def _blur_matrix(nodes: int, sigma: float) -> FloatArray:
    """Tabulate the weights of a blur, (nodes, nodes); rows sum to 1; multiples of 1 / GRAIN."""
    reach = int(np.ceil(3 * sigma))
    steps = np.arange(-reach, reach + 1)
    bell = np.exp(-0.5 * (steps / sigma) ** 2)
    bell = rounded(bell / bell.sum())
    bell[reach] += 1.0 - bell.sum()
    matrix = np.zeros((nodes, nodes))
    rows = np.arange(nodes)
    for step, weight in zip(steps, bell, strict=True):
        np.add.at(matrix, (rows, np.clip(rows + step, 0, nodes - 1)), weight)
    matrix.setflags(write=False)
    return matrix


def lattice_noise(uniform: FloatArray, shape: tuple[int, int], cell: float) -> FloatArray:
    """Draw smooth noise in [-1, 1] on a grid: a 24 x 24 lattice of random values, ``cell`` nodes apart, repeated."""
    lattice = 2.0 * uniform[: 24 * 24].reshape(24, 24) - 1.0
    weights = [_lattice_matrix(length, cell) for length in shape]
    return rounded(rounded(weights[0] @ rounded(lattice)) @ weights[1].T)


def _lattice_matrix(length: int, cell: float) -> FloatArray:
    place = np.arange(length) / cell
    before = np.floor(place).astype(np.intp)
    share = place - before
    share = rounded(share * share * (3.0 - 2.0 * share))
    matrix = np.zeros((length, 24))
    matrix[np.arange(length), before % 24] = 1.0 - share
    matrix[np.arange(length), (before + 1) % 24] += share
    return matrix
