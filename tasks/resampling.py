"""Compute metrics on many bootstrap resamples at once; weights count how often each image is in each resample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bench.contract import FloatArray, IntArray

_ELEMENTS_AT_ONCE = 2**18
"""Bounds memory: 2 MB of doubles an array. Larger blocks are not faster, because they leave the caches."""


def blocks(rows: int, columns: int) -> Iterator[slice]:
    """Cut resamples into blocks whose arrays of ``columns`` stay small, however many images there are."""
    step = max(1, _ELEMENTS_AT_ONCE // max(1, columns))
    return (slice(start, start + step) for start in range(0, rows, step))


def pooled(weights: IntArray, values: FloatArray) -> FloatArray:
    """Sum over the images of every resample: (R, N) weights and (N,) or (N, M) values to (R,) or (R, M)."""
    found: FloatArray = np.empty((len(weights), *values.shape[1:]))
    for part in blocks(*weights.shape):
        found[part] = weights[part].astype(np.float64) @ values
    return found


def ratio(numerators: FloatArray, denominators: FloatArray, weights: IntArray) -> FloatArray:
    """Divide pooled sums, as precision and recall do.

    Args:
        numerators: (N,) one an image.
        denominators: (N,) one an image.
        weights: (R, N).

    Returns:
        (R,) ratios; NaN where the pooled denominator is 0.
    """
    whole = pooled(weights, np.asarray(denominators, dtype=np.float64))
    part = pooled(weights, np.asarray(numerators, dtype=np.float64))
    found: FloatArray = np.divide(part, whole, out=np.full(len(weights), np.nan), where=whole != 0)
    return found


def means(values: Sequence[Mapping[str, float]], names: Sequence[str], weights: IntArray) -> dict[str, FloatArray]:
    """Average over the images that have a value.

    Args:
        values: N mappings from name to value; what an image lacks is left out of the mean.
        names: Names of the values.
        weights: (R, N).

    Returns:
        Name to (R,) means; names that no image has are left out.
    """
    found: dict[str, FloatArray] = {}
    for name in names:
        present = np.array([name in row for row in values], dtype=np.float64)
        if present.any():
            found[name] = ratio(np.array([row.get(name, 0.0) for row in values]), present, weights)
    return found
