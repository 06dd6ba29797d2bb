"""Precision over recall from the stored evidence, pooled over images and classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.contract import BoolArray, Detections, FloatArray
from bench.errors import ImageError
from bench.plan import Row
from bench.protocols import Dataset
from bench.report_figures import Curve
from bench.report_layers import Sight
from bench.store import RunStore

POINTS = 120
"""Most points of a drawn curve."""


@dataclass
class _Pool:
    """What one row's images add up to."""

    scores: list[FloatArray] = field(default_factory=list)
    right: list[BoolArray] = field(default_factory=list)
    truths: int = 0


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
    pools = {row: _Pool() for row in rows}
    for id in dataset.ids:
        try:
            truth = dataset.truth(id).instances
        except ImageError:
            continue
        for row, pool in pools.items():
            try:
                evidence = store.read_evidence(Row(name, row, sight.task), id)
            except ImageError:
                continue
            if truth is None or sight.match is None or not isinstance(evidence, Detections):
                continue
            matched = sight.match(evidence, truth)
            pool.scores.append(matched.seen.scores[~matched.ignored])
            pool.right.append(matched.right[~matched.ignored])
            pool.truths += int((~matched.truth.crowd).sum())
    return {
        row: curve_of(np.concatenate(pool.scores), np.concatenate(pool.right), pool.truths, sight.score)
        for row, pool in pools.items()
        if pool.truths
    }


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
