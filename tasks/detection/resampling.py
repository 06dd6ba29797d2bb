"""Compute COCO's averages on many bootstrap resamples at once, from one matching by pycocotools.

Matching looks at one image at a time, so an image that is drawn twice is matched twice in the same way. Only the
precision-recall curves differ between resamples: sums over the detections in descending order of score, each
counted as often as its image was drawn. Equal scores of one class within one image make a step each, where really
repeated images would interleave them: a difference far below the width of any interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.contract import BoolArray, FloatArray, IntArray
from tasks.detection.coco_matches import Matches
from tasks.resampling import blocks, pooled


@dataclass(frozen=True)
class ClassMatches:
    """Matches of one class over a dataset: D detections in descending order of score.

    Attributes:
        image: (D,) index of each detection's image.
        hit: (T, D) True where the detection is right at each of T IoU thresholds.
        counted: (T, D) False where it is ignored.
        truths: (N,) countable true objects of each image.
    """

    image: IntArray
    hit: BoolArray
    counted: BoolArray
    truths: IntArray


def matches_of(found: Matches) -> ClassMatches:
    """Order the matches of one class over all areas by descending score."""
    order = np.argsort(-found.scores, kind="mergesort")
    return ClassMatches(
        found.images[order].astype(np.int64),
        found.unpacked(found.hits[0])[:, order],
        found.unpacked(found.counted[0])[:, order],
        found.truths[0].astype(np.int64),
    )


def resampled_averages(
    classes: Sequence[ClassMatches], weights: IntArray, thresholds: FloatArray, recall_points: FloatArray
) -> dict[str, FloatArray]:
    """Compute AP, AP50, AP75 and AR100 of every resample, as ratios; NaN where no class has a true object.

    Args:
        classes: Matches of every scored class.
        weights: (R, N), how often each image is in each resample.
        thresholds: (T,) IoU thresholds.
        recall_points: (101,) recalls at which precision is read.
    """
    averages = np.zeros((len(weights), len(thresholds)))
    recalls = np.zeros_like(averages)
    present = np.zeros(len(weights))
    for matches in classes:
        truths = pooled(weights, matches.truths.astype(np.float64))
        present += truths > 0
        if not matches.hit.any():
            continue
        for part in blocks(len(weights), len(matches.image)):
            drawn = weights[part][:, matches.image].astype(np.float64)
            so_far = np.cumsum(drawn, axis=1)  # once for all thresholds: few detections are ever ignored
            for column in range(len(thresholds)):
                seen = _seen_at_hits(drawn, so_far, matches, column)
                precision, recall = _curve_summary(drawn, seen, matches, column, truths[part], recall_points)
                averages[part, column] += precision
                recalls[part, column] += recall
    with np.errstate(invalid="ignore", divide="ignore"):
        averages /= present[:, None]
        recalls /= present[:, None]
    named = {"AP50": 0.5, "AP75": 0.75}
    chosen = {name: averages[:, np.isclose(thresholds, at)][:, 0] for name, at in named.items() if _has(thresholds, at)}
    return {"AP": averages.mean(axis=1), **chosen, "AR100": recalls.mean(axis=1)}


def _seen_at_hits(drawn: FloatArray, so_far: FloatArray, matches: ClassMatches, column: int) -> FloatArray:
    """Count the detections down to each right one, in every resample: all so far less the ignored ones."""
    hits, ignored = np.flatnonzero(matches.hit[column]), np.flatnonzero(~matches.counted[column])
    seen = so_far[:, hits]
    if len(ignored):
        left_out = np.pad(np.cumsum(drawn[:, ignored], axis=1), ((0, 0), (1, 0)))
        seen -= left_out[:, np.searchsorted(ignored, hits)]
    return seen


def _curve_summary(
    drawn: FloatArray,
    seen: FloatArray,
    matches: ClassMatches,
    column: int,
    truths: FloatArray,
    recall_points: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Compute interpolated average precision and final recall of one class at one IoU threshold; 0 without truths."""
    hits = np.flatnonzero(matches.hit[column])
    if not len(hits):
        return np.zeros(len(drawn)), np.zeros(len(drawn))
    right = np.cumsum(drawn[:, hits], axis=1)
    precision = np.divide(right, seen, out=np.zeros_like(right), where=seen > 0)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = np.divide(right, truths[:, None], out=np.zeros_like(right), where=truths[:, None] > 0)
    # A hit stands for the recall points that it is the first to reach.
    reached = np.searchsorted(recall_points, recall.ravel(), side="right").reshape(recall.shape)
    covered = np.diff(reached, axis=1, prepend=0)
    return (envelope * covered).sum(axis=1) / len(recall_points), recall[:, -1]


def _has(thresholds: FloatArray, value: float) -> bool:
    return bool(np.isclose(thresholds, value).any())
