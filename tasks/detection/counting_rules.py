"""Count detections by other people's rules, all from the same dump of boxes, for comparison with their numbers.

None of them knows crowd regions: the tools that they follow read labels without such a mark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from bench.contract import Detections, Instances
from tasks.detection.boxes import box_overlaps
from tasks.detection.matching import Labelled, Tally, match, tally
from tasks.detection.objects import keep_detections, keep_truths
from tasks.detection.suppression import suppress

_OBJECTNESS, _AGNOSTIC_NMS, _CORRECT_ABOVE = 0.001, 0.4, 0.6
_MAP_SCORE, _MAP_NMS, _MAP_OVERLAP = 0.25, 0.45, 0.5
_LITERAL_SCORE, _LITERAL_OVERLAP = 0.60, 0.50


@dataclass(frozen=True)
class CountingRule:
    """One rule by which detections are counted.

    Attributes:
        count: Counts one image; truths have an area and a scored class, as have the detections.
        iou: Reads the mean IoU off pooled counts, in the sense of that tool.
        text: The rule in a few words.
    """

    count: Callable[[Detections, Instances], Tally]
    iou: Callable[[Tally], float | None]
    text: str


def literal_conf(seen: Detections, truth: Instances) -> Tally:
    """Count by the default rules with 0.60 as a threshold on the score: score >= 0.60, IoU >= 0.50, crowd ignored."""
    return _matched(keep_detections(seen, seen.scores >= _LITERAL_SCORE), truth, _LITERAL_OVERLAP)


def darknet_recall(seen: Detections, truth: Instances) -> Tally:
    """Count as Darknet's ``detector recall`` with the widespread addition of precision.

    Classes play no part and boxes serve any number of truths: a truth is correct if the best of all boxes
    overlaps it by more than 0.6, precision is correct truths over boxes. Where a detector has no objectness,
    the score stands for it.
    """
    seen = keep_detections(seen, seen.scores > _OBJECTNESS)
    alike = np.zeros(len(seen.scores), dtype=np.int64)
    seen = keep_detections(seen, suppress(seen.boxes, seen.scores, alike, _AGNOSTIC_NMS))
    truth = keep_truths(truth, ~truth.crowd)
    best = box_overlaps(seen.boxes, truth.boxes, truth.crowd).max(axis=0, initial=0.0)
    correct = int((best > _CORRECT_ABOVE).sum())
    # One box may make several truths correct, so "false positives" can be negative; precision is still
    # correct over proposals.
    return Tally(correct, len(seen.scores) - correct, len(truth.class_ids), float(best.sum()))


def darknet_map(seen: Detections, truth: Instances) -> Tally:
    """Count as AlexeyAB's ``detector map``: score > 0.25, NMS 0.45 per class, IoU > 0.5, one to one."""
    seen = keep_detections(seen, seen.scores > _MAP_SCORE)
    seen = keep_detections(seen, suppress(seen.boxes, seen.scores, seen.class_ids, _MAP_NMS))
    return _matched(seen, keep_truths(truth, ~truth.crowd), float(np.nextafter(_MAP_OVERLAP, 1)))


def _matched(seen: Detections, truth: Instances, threshold: float) -> Tally:
    overlaps = box_overlaps(seen.boxes, truth.boxes, truth.crowd)
    labelled = Labelled(overlaps, seen.scores, seen.class_ids, truth.class_ids, truth.crowd)
    return tally(labelled, match(labelled, threshold))


def _iou_over_boxes(total: Tally) -> float | None:
    boxes = total.true_positives + total.false_positives
    return total.matched_overlap_sum / boxes if boxes else None


RULES: Mapping[str, CountingRule] = MappingProxyType({
    "literal_conf": CountingRule(
        literal_conf,
        lambda total: total.mean_best_overlap,
        f"score >= {_LITERAL_SCORE:.2f}, IoU >= {_LITERAL_OVERLAP:.2f}, else as the default",
    ),
    "darknet_recall": CountingRule(
        darknet_recall,
        lambda total: total.mean_best_overlap,
        f"no classes, score > {_OBJECTNESS}, NMS {_AGNOSTIC_NMS}, truth correct if best IoU > {_CORRECT_ABOVE}, "
        "precision = correct / boxes",
    ),
    "darknet_map": CountingRule(
        darknet_map,
        _iou_over_boxes,
        f"score > {_MAP_SCORE}, NMS {_MAP_NMS}, IoU > {_MAP_OVERLAP}, iou = matched IoU / boxes",
    ),
})  # fmt: skip
