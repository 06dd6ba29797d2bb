"""Measure and compare masks in COCO's run-length encoding without unpacking all of them together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.contract import BoolArray, FloatArray, Rle
from bench.io.masks import rle_functions


def areas_of(masks: Sequence[Rle]) -> FloatArray:
    """Measure the areas of masks in pixels, (N,)."""
    return np.asarray(rle_functions().area([dict(mask) for mask in masks]), dtype=np.float64).reshape(len(masks))


def mask_overlaps(masks: Sequence[Rle], truths: Sequence[Rle], crowd: BoolArray) -> FloatArray:
    """Compute the overlap of every mask with every true one, as COCO defines it.

    Args:
        masks: N detected masks.
        truths: M true masks of the same size.
        crowd: (M,) True for crowd regions.

    Returns:
        (N, M) in [0, 1]: intersection over union, for crowd regions over the detected mask's area.

    Raises:
        ValueError: Masks of different sizes.
    """
    if len({tuple(mask["size"]) for mask in (*masks, *truths)}) > 1:
        raise ValueError("masks of different sizes cannot be compared")
    detected, true = ([dict(mask) for mask in part] for part in (masks, truths))
    found = rle_functions().iou(detected, true, crowd.astype(int).tolist())
    return np.asarray(found, dtype=np.float64).reshape(len(masks), len(truths))
