"""From detections and true objects to numbers; the same for boxes and for masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.contract import (
    BoolArray,
    Detections,
    Evidence,
    FloatArray,
    ImageMeasure,
    Instances,
    Measure,
    Rle,
    Summary,
    Truth,
)
from bench.errors import UserError
from tasks.detection.coco import CocoTables, Kind
from tasks.detection.matching import Labelled, Tally, add_up, match, tally

Overlaps = Callable[[Detections, Instances], FloatArray]


@dataclass(frozen=True)
class Scoring:
    """Rules by which objects are scored.

    Attributes:
        kind: ``bbox`` for boxes, ``segm`` for masks.
        overlaps: (N, M) overlaps of one image; crowd columns are over the detection's own area.
        class_ids: Classes that are scored; all others are left out on both sides.
        score: Least score of a detection in precision, recall and IoU.
        overlap: Least overlap of a match.
    """

    kind: Kind
    overlaps: Overlaps
    class_ids: tuple[int, ...]
    score: float
    overlap: float

    @property
    def tag(self) -> str:
        """The two thresholds as metric names carry them: ``0.25/0.60``."""
        return f"{self.score:.2f}/{self.overlap:.2f}"


def summarise_objects(evidence: Mapping[str, Evidence], truths: Mapping[str, Truth], scoring: Scoring) -> Summary:
    """Score a dataset; images are looked at one by one and not kept.

    Raises:
        UserError: An image without labelled objects.
    """
    tables = CocoTables(scoring.class_ids, scoring.kind)
    tallies: dict[str, Tally] = {}
    empty = 0
    for id in sorted(evidence):
        seen, truth = evidence[id], truths[id]
        if not isinstance(seen, Detections):
            raise TypeError(f"{id}: expected detections, got {type(seen).__name__}")
        if truth.instances is None or (scoring.kind == "segm" and truth.instances.masks is None):
            raise UserError(f"{id}: has no labelled {'masks' if scoring.kind == 'segm' else 'boxes'} to score against")
        tables.add(seen, truth.instances, truth.size)
        labelled, dropped = labelled_objects(seen, truth.instances, scoring)
        empty += dropped
        tallies[id] = tally(labelled, match(labelled, scoring.overlap))
    total, images = add_up(tallies.values()), len(tallies)
    measures = [
        *_ratios(total, scoring, images),
        *(Measure(name, 100 * value, "%", images) for name, value in tables.evaluate().items()),
        *_counts(total, scoring, images),
    ]
    if empty:
        measures.append(Measure("empty_truths", float(empty), "", images))
    per_image = [measure for id, part in tallies.items() for measure in _of_image(id, part, scoring)]
    return Summary(tuple(measures), tuple(per_image))


def labelled_objects(seen: Detections, truth: Instances, scoring: Scoring) -> tuple[Labelled, int]:
    """Prepare one image for matching.

    True boxes without area cannot be matched and are left out.

    Returns:
        The image, and how many true objects were left out for want of area.
    """
    known = np.isin(truth.class_ids, scoring.class_ids)
    solid = (truth.boxes[:, 2] > truth.boxes[:, 0]) & (truth.boxes[:, 3] > truth.boxes[:, 1])
    there = keep_truths(truth, known & solid)
    seen = keep_detections(seen, np.isin(seen.class_ids, scoring.class_ids) & (seen.scores >= scoring.score))
    overlaps = scoring.overlaps(seen, there)
    labelled = Labelled(overlaps, seen.scores, seen.class_ids, there.class_ids, there.crowd)
    return labelled, int((known & ~solid).sum())


def keep_truths(truth: Instances, keep: BoolArray) -> Instances:
    """Some of an image's true objects."""
    masks = None if truth.masks is None else _pick(truth.masks, keep)
    return Instances(truth.boxes[keep], truth.class_ids[keep], truth.crowd[keep], truth.areas[keep], masks)


def keep_detections(seen: Detections, keep: BoolArray) -> Detections:
    """Some of an image's detections."""
    masks = None if seen.masks is None else _pick(seen.masks, keep)
    return Detections(seen.boxes[keep], seen.scores[keep], seen.class_ids[keep], masks)


def _pick(items: Sequence[Rle], keep: BoolArray) -> tuple[Rle, ...]:
    return tuple(items[int(index)] for index in np.flatnonzero(keep))


def _ratios(total: Tally, scoring: Scoring, images: int) -> list[Measure]:
    ratios = {
        f"precision@{scoring.tag}": total.precision,
        f"recall@{scoring.tag}": total.recall,
        f"iou_gt@{scoring.score:.2f}": total.mean_best_overlap,
    }
    return [Measure(name, 100 * value, "%", images) for name, value in ratios.items() if value is not None]


def _counts(total: Tally, scoring: Scoring, images: int) -> list[Measure]:
    counts = {"tp": total.true_positives, "fp": total.false_positives, "fn": total.false_negatives}
    return [Measure(f"{name}@{scoring.tag}", float(value), "", images) for name, value in counts.items()]


def _of_image(id: str, part: Tally, scoring: Scoring) -> list[ImageMeasure]:
    numbers = {
        f"tp@{scoring.tag}": part.true_positives,
        f"fp@{scoring.tag}": part.false_positives,
        f"fn@{scoring.tag}": part.false_negatives,
        f"iou_gt_sum@{scoring.score:.2f}": part.best_overlap_sum,
    }
    return [ImageMeasure(id, metric, float(value)) for metric, value in numbers.items()]
