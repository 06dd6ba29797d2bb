"""Compute semantic scores on many bootstrap resamples at once."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import numpy as np

from bench.contract import FloatArray, IntArray
from tasks.resampling import pooled


def resampled_scores(matrices: Iterable[IntArray], weights: IntArray) -> dict[str, FloatArray]:
    """Score the pooled confusion matrix of every resample.

    Args:
        matrices: N matrices (K, K + 1) as :func:`tasks.semantic.confusion.confusion_matrix` gives them, at least one;
            taken one by one, because all together are large.
        weights: (R, N), how often each image is in each resample.

    Returns:
        ``mPA``, ``mIoU``, ``pixel_accuracy`` and ``fwIoU`` as (R,) ratios; NaN where nothing is labelled.
    """
    remaining = iter(matrices)
    first = next(remaining)
    # Pixel counts stay far below 2**53, so float64 sums are exact, and BLAS multiplies floats much faster.
    stacked = np.empty((weights.shape[1], first.size))
    for row, matrix in zip(stacked, chain([first], remaining), strict=True):
        row[:] = matrix.ravel()
    classes = len(first)
    drawn = pooled(weights, stacked).reshape(len(weights), classes, classes + 1)
    right = np.diagonal(drawn, axis1=1, axis2=2)
    true = drawn.sum(axis=2)
    union = true + drawn[:, :, :classes].sum(axis=1) - right
    # A class that is absent from the truth has nothing right: it adds 0, or NaN where nobody predicted it either.
    accuracy, iou = _ratio(right, true), _ratio(right, union)
    present, total = (true > 0).sum(axis=1), true.sum(axis=1)
    return {
        "mPA": _ratio(np.nansum(accuracy, axis=1), present),
        "mIoU": _ratio(np.nansum(iou, axis=1), present),
        "pixel_accuracy": _ratio(right.sum(axis=1), total),
        "fwIoU": _ratio(np.nansum(true * iou, axis=1), total),
    }


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    found: FloatArray = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return found
