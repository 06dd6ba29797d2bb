"""Compute precision over recall from the stored evidence, pooled over images and classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bench.contract import BoolArray, Detections, FloatArray
from bench.errors import ImageError
from bench.protocols import Dataset, Drawable
from bench.report.evidence import read_evidence
from bench.report.figures import Curve
from bench.runs.folder import RunStore
from bench.runs.rows import Row

POINTS = 120
"""Most points of a drawn curve, but for its last one."""


def curves_of(store: RunStore, dataset: Dataset, rows: Sequence[Row], task: Drawable) -> dict[str, Curve]:
    """Compute the curve of every row with evidence of a task.

    A lower least score only adds detections after those with higher ones, so one matching gives the whole curve, and
    the table's precision and recall are a point of it.

    Args:
        store: The run folder.
        dataset: The opened dataset.
        rows: One task's rows, rain and clean among them.
        task: Matches detections with the truth.

    Returns:
        Derainer to curve.
    """
    found: dict[str, Curve] = {}
    for row in rows:  # one after the other: the detections of all rows together are large
        matches = list(_matches(store, dataset, row, task))
        if truths := sum(truths for _, _, truths in matches):
            scores, right = (np.concatenate([match[part] for match in matches]) for part in (0, 1))
            found[row.derainer] = curve_of(scores, right, truths, task.score)
    return found


def _matches(
    store: RunStore, dataset: Dataset, row: Row, task: Drawable
) -> Iterator[tuple[FloatArray, BoolArray, int]]:
    """Match image by image: scores of all detections that count, whether each is right, number of true objects."""
    for image_id in dataset.ids:
        try:
            truth = dataset.truth(image_id)
        except ImageError:
            continue
        evidence = read_evidence(store, row, image_id, truth.size)
        if truth.instances is None or not isinstance(evidence, Detections):
            continue
        matched = task.matched(evidence, truth.instances)
        counts = ~matched.ignored
        yield matched.detections.scores[counts], matched.right[counts], int((~matched.truth.crowd).sum())


def curve_of(scores: FloatArray, right: BoolArray, truths: int, least: float) -> Curve:
    """Compute precision and recall of one row at every least score, thinned evenly over recall.

    Args:
        scores: (N,) scores of all detections, in any order.
        right: (N,) bool, True for those with a true partner.
        truths: Number of true objects, at least 1.
        least: The least score of the precision and recall in the table.
    """
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    recall, precision = hits / truths, hits / np.arange(1, len(order) + 1)
    # Equal scores come and go together: only the last of them is a point that a least score can reach.
    ends = np.flatnonzero(np.diff(scores[order], append=-1.0))
    places = np.searchsorted(recall[ends], np.linspace(0, recall[ends].max(initial=0), POINTS))
    kept = np.unique([*ends[places[places < len(ends)]], *ends[-1:]]).astype(np.int64)
    count = int((scores >= least).sum())
    point = (float(recall[count - 1]), float(precision[count - 1])) if count else None
    return Curve(recall[kept], precision[kept], point)
