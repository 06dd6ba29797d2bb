"""Select some of an image's detected or true objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.contract import BoolArray, Detections, Instances, Rle
from tasks.detection.boxes import box_areas
from tasks.detection.masks import areas_of

PSEUDO_SCORE = 0.25
"""Least score at which a detection in the clean image is taken for a true object."""
PSEUDO_TEXT = f"pseudo_gt: the model's answers on the clean image, score >= {PSEUDO_SCORE:.2f}, are the truth"
"""The rule of pseudo ground truth in the words of a protocol's line."""


def keep_truths(truth: Instances, keep: BoolArray) -> Instances:
    """Select some of an image's true objects; ``keep`` is (M,) bool."""
    masks = None if truth.masks is None else _pick(truth.masks, keep)
    return Instances(truth.boxes[keep], truth.class_ids[keep], truth.crowd[keep], truth.areas[keep], masks)


def keep_detections(seen: Detections, keep: BoolArray) -> Detections:
    """Select some of an image's detections; ``keep`` is (N,) bool."""
    masks = None if seen.masks is None else _pick(seen.masks, keep)
    return Detections(seen.boxes[keep], seen.scores[keep], seen.class_ids[keep], masks)


def scorable(truth: Instances, class_ids: Sequence[int]) -> tuple[Instances, int]:
    """Select the true objects of the scored classes that have an area; without one, nothing can find them.

    Returns:
        The objects, and how many were left out for want of area.
    """
    known = np.isin(truth.class_ids, class_ids)
    solid = (truth.boxes[:, 2] > truth.boxes[:, 0]) & (truth.boxes[:, 3] > truth.boxes[:, 1])
    return keep_truths(truth, known & solid), int((known & ~solid).sum())


def pseudo_truth(seen: Detections, score: float = PSEUDO_SCORE) -> Instances:
    """Turn a detector's answers on the clean image into a truth (protocol ``pseudo_gt``).

    Args:
        seen: Detections in the clean image.
        score: Least score of an object that is taken for true.
    """
    kept = keep_detections(seen, seen.scores >= score)
    # Where nothing was detected, nothing says whether masks were looked for; no masks are right either way.
    masks = kept.masks if len(kept.scores) else ()
    areas = box_areas(kept.boxes) if not masks else areas_of(masks)
    return Instances(kept.boxes, kept.class_ids, np.zeros(len(kept.scores), dtype=bool), areas, masks)


def _pick(items: Sequence[Rle], keep: BoolArray) -> tuple[Rle, ...]:
    return tuple(items[int(index)] for index in np.flatnonzero(keep))
