"""Suppress overlapping boxes of a finished dump (non-maximum suppression)."""

from __future__ import annotations

import numpy as np

from bench.contract import BoolArray, FloatArray, IntArray
from tasks.detection.boxes import box_overlaps


def suppress(boxes: FloatArray, scores: FloatArray, groups: IntArray, overlap: float) -> BoolArray:
    """Suppress greedily: the best box stays and removes all of its group that overlap it by more.

    Args:
        boxes: (N, 4).
        scores: (N,); ties are decided by order.
        groups: (N,) classes, or all equal to suppress across classes.
        overlap: IoU above which the worse of two boxes goes.

    Returns:
        (N,) True for boxes that stay.
    """
    overlaps = box_overlaps(boxes, boxes, np.zeros(len(boxes), dtype=bool))
    rivals = (overlaps > overlap) & (groups[:, None] == groups[None, :])
    stays = np.ones(len(boxes), dtype=bool)
    order = np.argsort(-scores, kind="stable")
    for rank, index in enumerate(order):
        if stays[index]:
            worse = order[rank + 1 :]
            stays[worse] &= ~rivals[index, worse]
    return stays
