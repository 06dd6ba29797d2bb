"""Metrics on many bootstrap resamples at once. Weights say how often each image is in each resample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bench.contract import FloatArray, IntArray


def ratio(numerators: FloatArray, denominators: FloatArray, weights: IntArray) -> FloatArray:
    """Ratio of pooled sums, as precision and recall are.

    Args:
        numerators: (N,) one an image.
        denominators: (N,) one an image.
        weights: (R, N).

    Returns:
        (R,) ratios; NaN where the pooled denominator is 0.
    """
    whole = weights @ np.asarray(denominators, dtype=np.float64)
    part = weights @ np.asarray(numerators, dtype=np.float64)
    found: FloatArray = np.divide(part, whole, out=np.full(len(weights), np.nan), where=whole != 0)
    return found


def means(values: Sequence[Mapping[str, float]], names: Sequence[str], weights: IntArray) -> dict[str, FloatArray]:
    """Means over the images that have a value.

    Args:
        values: N mappings from name to value; what an image lacks is left out of the mean.
        names: Which values.
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
