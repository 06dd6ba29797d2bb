"""Precision over recall from the stored evidence, pooled over images and classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bench.contract import BoolArray, Detections, FloatArray
from bench.errors import ImageError
from bench.protocols import Dataset
from bench.report.figures import Curve
from bench.report.layers import Sight
from bench.runs.folder import RunStore
from bench.runs.rows import Row

POINTS = 120
"""Most points of a drawn curve."""


def curves_of(store: RunStore, dataset: Dataset, name: str, rows: Sequence[str], sight: Sight) -> dict[str, Curve]:
    """The curve of every row with evidence of a task.

    A lower least score only adds detections after those with higher ones, so one matching gives the whole curve, and
    the table's precision and recall are a point of it.

    Args:
        store: The run folder.
        dataset: The opened dataset.
        name: Its name in the run.
        rows: Derainers, rain and clean among them.
        sight: The task and how it matches.
    """
    found: dict[str, Curve] = {}
    for row in rows:  # one after the other: the detections of all rows together are large
        matches = list(_matches(store, dataset, Row(name, row, sight.task), sight))
        if truths := sum(truths for _, _, truths in matches):
            scores, right = (np.concatenate([match[part] for match in matches]) for part in (0, 1))
            found[row] = curve_of(scores, right, truths, sight.score)
    return found


def _matches(store: RunStore, dataset: Dataset, row: Row, sight: Sight) -> Iterator[tuple[FloatArray, BoolArray, int]]:
    """Image by image the scores of all detections that count, whether each is right, and how many could be."""
    for id in dataset.ids:
        try:
            truth, evidence = dataset.truth(id).instances, store.read_evidence(row, id)
        except ImageError:
            continue
        if truth is None or sight.match is None or not isinstance(evidence, Detections):
            continue
        matched = sight.match(evidence, truth)
        counts = ~matched.ignored
        yield matched.seen.scores[counts], matched.right[counts], int((~matched.truth.crowd).sum())


def curve_of(scores: FloatArray, right: BoolArray, truths: int, least: float) -> Curve:
    """Precision and recall at every least score, thinned evenly over recall.

    Args:
        scores: (N,) scores of all detections, in any order.
        right: (N,) whether each has a true partner.
        truths: How many true objects there are.
        least: The score at which the table reads both.
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
