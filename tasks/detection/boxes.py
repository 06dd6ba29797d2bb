"""Arithmetic of boxes ``x1, y1, x2, y2`` in continuous pixels."""

from __future__ import annotations

import numpy as np

from bench.contract import BoolArray, FloatArray


def box_areas(boxes: FloatArray) -> FloatArray:
    """Compute areas in square pixels, (N,); zero where a side is not positive."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0)
    return np.asarray(sides[:, 0] * sides[:, 1], dtype=np.float64)


def box_overlaps(boxes: FloatArray, truths: FloatArray, crowd: BoolArray) -> FloatArray:
    """Compute the overlap of every box with every true one, as COCO defines it.

    Args:
        boxes: (N, 4) detected boxes.
        truths: (M, 4) true boxes.
        crowd: (M,) True for crowd regions.

    Returns:
        (N, M) in [0, 1]: intersection over union, for crowd regions intersection over the detected box's
        area; zero where that divisor is zero.
    """
    low = np.maximum(boxes[:, None, :2], truths[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], truths[None, :, 2:])
    sides = np.maximum(high - low, 0.0)
    intersection = sides[..., 0] * sides[..., 1]
    own = box_areas(boxes)[:, None]
    divisor = np.where(crowd[None, :], own, own + box_areas(truths)[None, :] - intersection)
    overlaps: FloatArray = np.zeros(intersection.shape)
    np.divide(intersection, divisor, out=overlaps, where=divisor > 0)
    return overlaps
