"""Score detections against true objects; one code for boxes and for masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bench.contract import (
    BoolArray,
    ClassMeasure,
    ClassSpace,
    Detections,
    Evidence,
    FloatArray,
    ImageMeasure,
    Instances,
    IntArray,
    Measure,
    Summary,
    Truth,
)
from bench.errors import UserError
from bench.io.metrics import measure
from tasks.detection.coco import CocoTables, Kind
from tasks.detection.counting_rules import RULES
from tasks.detection.matching import Labelled, Tally, add_up, match, tally, tally_by_class
from tasks.detection.objects import keep_detections, scorable
from tasks.resampling import ratio
from tasks.scored_classes import NOT_SCORED

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
        sweep: Further least scores at which precision and recall are told.
        rules: Further ways to count, by their names in ``tasks.detection.counting_rules.RULES``.
        names: Class id to name; classes without one are not told by themselves.
        each_class: Every class's scores are measures of their own, too.
    """

    kind: Kind
    overlaps: Overlaps
    class_ids: tuple[int, ...]
    score: float
    overlap: float
    sweep: tuple[float, ...] = ()
    rules: tuple[str, ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    each_class: bool = False

    def at(self, score: float) -> str:
        """Write two thresholds as metric names carry them: ``0.25/0.60``."""
        return f"{_two_digits(score)}/{_two_digits(self.overlap)}"

    @property
    def prefix(self) -> str:
        """Prefix of every metric's name: ``mask_`` for masks, so that boxes and masks fit into one table."""
        return "mask_" if self.kind == "segm" else ""

    @property
    def tag(self) -> str:
        """Thresholds of the main metrics, as their names carry them."""
        return self.at(self.score)

    @property
    def score_tag(self) -> str:
        """Threshold of the score alone, for metrics without a threshold of overlap."""
        return _two_digits(self.score)


@dataclass
class _Counts:
    """Counts that are added up image by image."""

    images: dict[str, Tally] = field(default_factory=dict)
    classes: dict[int, Tally] = field(default_factory=dict)
    rules: dict[str, Tally] = field(default_factory=dict)
    sweep: dict[float, Tally] = field(default_factory=dict)
    empty: int = 0


def summarise_objects(evidence: Mapping[str, Evidence], truths: Mapping[str, Truth], scoring: Scoring) -> Summary:
    """Score a dataset; images are looked at one by one and not kept.

    Raises:
        UserError: An image without labelled objects, or with masks of another size.
    """
    tables, counts = CocoTables(scoring.class_ids, scoring.kind), _Counts()
    for id in sorted(evidence):
        seen, truth = evidence[id], truths[id]
        if not isinstance(seen, Detections):
            raise TypeError(f"{id}: expected detections, got {type(seen).__name__}")
        if truth.instances is None or (scoring.kind == "segm" and truth.instances.masks is None):
            raise UserError(f"{id}: has no labelled {'masks' if scoring.kind == 'segm' else 'boxes'} to score against")
        _check_masks(id, seen, truth.instances, truth.size)
        tables.add(seen, truth.instances, truth.size)
        _count(counts, id, seen, truth.instances, scoring)
    images = len(counts.images)
    total = add_up(counts.images.values())
    averages, by_class = tables.evaluate()
    per_class = list(_of_classes(counts.classes, by_class, scoring))
    some = total.truths > 0  # without any true object, precision would be 0 for want of truth, not of sight
    measures = [
        *_percentages(images, _main(total, scoring) | averages if some else {}),
        *_plain_counts(total, scoring, images, counts.empty),
        *_percentages(images, _further(total, counts, scoring) if some else {}),
        *(measure(f"{one.metric}[{one.label}]", one.value, images) for one in per_class if scoring.each_class),
    ]
    per_image = [one for id, part in counts.images.items() for one in _of_image(id, part, scoring)]
    return Summary(
        tuple(replace(one, metric=scoring.prefix + one.metric) for one in measures),
        tuple(replace(one, metric=scoring.prefix + one.metric) for one in per_image),
        tuple(replace(one, metric=scoring.prefix + one.metric) for one in per_class),
    )


def resample_objects(
    evidence: Mapping[str, Evidence], truths: Mapping[str, Truth], scoring: Scoring, weights: IntArray
) -> dict[str, FloatArray]:
    """Compute the main metrics of :func:`summarise_objects`, in per cent, on every resample.

    Args:
        evidence: N images.
        truths: Their true objects.
        scoring: The rules.
        weights: (R, N), how often each image, in the order of ``evidence``, is in each resample.
    """
    ids = list(evidence)
    order = sorted(range(len(ids)), key=ids.__getitem__)
    tables, counts = CocoTables(scoring.class_ids, scoring.kind, areas=1), _Counts()
    main_only = replace(scoring, sweep=(), rules=())
    for id in (ids[index] for index in order):
        seen, truth = evidence[id], truths[id]
        if not isinstance(seen, Detections) or truth.instances is None:
            raise TypeError(f"{id}: expected detections and labelled objects")
        tables.add(seen, truth.instances, truth.size)
        _count(counts, id, seen, truth.instances, main_only)
    weights = weights if order == list(range(len(ids))) else weights[:, order]
    parts = list(counts.images.values())
    right, wrong, there, best = (
        np.array([getattr(part, name) for part in parts], dtype=np.float64)
        for name in ("true_positives", "false_positives", "truths", "best_overlap_sum")
    )
    found = {
        f"precision@{scoring.tag}": ratio(right, right + wrong, weights),
        f"recall@{scoring.tag}": ratio(right, there, weights),
        f"f1@{scoring.tag}": ratio(2 * right, right + wrong + there, weights),
        f"iou_gt@{scoring.score_tag}": ratio(best, there, weights),
        **tables.resample(weights),
    }
    known = 100.0 if there.any() else np.nan
    return {scoring.prefix + name: known * values for name, values in found.items()}


def fates_of(truth: Instances, scoring: Scoring) -> Counter[tuple[str, str]]:
    """Count the true objects of one image by what becomes of them, and by class.

    Args:
        truth: The objects.
        scoring: The rules.
    """
    unmasked = scoring.kind == "segm" and (truth.masks is None or bool(truth.unmasked))
    solid: BoolArray = np.all(truth.boxes[:, 2:] > truth.boxes[:, :2], axis=1)
    fates: Counter[tuple[str, str]] = Counter()
    for class_id, crowd, has_area in zip(truth.class_ids.tolist(), truth.crowd.tolist(), solid.tolist(), strict=True):
        if class_id not in scoring.class_ids:
            fate = NOT_SCORED
        elif unmasked:
            fate = "in an image with an object without mask"
        elif not has_area:
            fate = "zero area"
        else:
            fate = "crowd" if crowd else "scored"
        fates[fate, scoring.names[class_id]] += 1
    return fates


def _check_masks(id: str, seen: Detections, truth: Instances, size: tuple[int, int]) -> None:
    """Refuse masks of another size than the image: they would be compared with the wrong pixels."""
    for mask in (*(seen.masks or ()), *(truth.masks or ())):
        if tuple(mask["size"]) != size:
            raise UserError(f"{id}: a mask has (height, width) {tuple(mask['size'])}, the image {size}")


def label(seen: Detections, truth: Instances, overlaps: Overlaps) -> Labelled:
    """Prepare one image for matching."""
    return Labelled(overlaps(seen, truth), seen.scores, seen.class_ids, truth.class_ids, truth.crowd)


def class_names(space: ClassSpace | None) -> dict[int, str]:
    """Map class ids to names."""
    return {} if space is None else dict(zip(space.ids, space.names, strict=True))


def _count(counts: _Counts, id: str, seen: Detections, truth: Instances, scoring: Scoring) -> None:
    truth, empty = scorable(truth, scoring.class_ids)
    counts.empty += empty
    known = keep_detections(seen, np.isin(seen.class_ids, scoring.class_ids))
    for score in dict.fromkeys((scoring.score, *scoring.sweep)):
        labelled = label(keep_detections(known, known.scores >= score), truth, scoring.overlaps)
        matching = match(labelled, scoring.overlap)
        part = tally(labelled, matching)
        counts.sweep[score] = add_up((counts.sweep.get(score, Tally()), part))
        if score == scoring.score:
            counts.images[id] = part
            for class_id, share in tally_by_class(labelled, matching).items():
                counts.classes[class_id] = add_up((counts.classes.get(class_id, Tally()), share))
    for name in scoring.rules:
        counts.rules[name] = add_up((counts.rules.get(name, Tally()), RULES[name].count(known, truth)))


def _main(total: Tally, scoring: Scoring) -> dict[str, float | None]:
    return {
        f"precision@{scoring.tag}": total.precision,
        f"recall@{scoring.tag}": total.recall,
        f"f1@{scoring.tag}": total.f1,
        f"iou_gt@{scoring.score_tag}": total.mean_best_overlap,
    }


def _further(total: Tally, counts: _Counts, scoring: Scoring) -> dict[str, float | None]:
    parts = [part for part in counts.classes.values() if part.truths]
    found: dict[str, float | None] = {
        f"iou_tp@{scoring.tag}": total.mean_matched_overlap,
        f"precision_macro@{scoring.tag}": _mean([part.precision for part in parts]),
        f"recall_macro@{scoring.tag}": _mean([part.recall for part in parts]),
    }
    for name, part in counts.rules.items():
        found |= {
            f"precision:{name}": part.precision,
            f"recall:{name}": part.recall,
            f"iou:{name}": RULES[name].iou(part),
        }
    for score in dict.fromkeys(scoring.sweep):
        if score == scoring.score:
            continue
        part = counts.sweep.get(score, Tally())
        found |= {f"precision@{scoring.at(score)}": part.precision, f"recall@{scoring.at(score)}": part.recall}
    return found


def _of_classes(
    classes: Mapping[int, Tally], averages: Mapping[int, float], scoring: Scoring
) -> Iterator[ClassMeasure]:
    for class_id in scoring.class_ids:
        part = classes.get(class_id, Tally())
        found = {
            "AP": averages.get(class_id),
            f"precision@{scoring.tag}": part.precision,
            f"recall@{scoring.tag}": part.recall,
        }
        for metric, value in found.items():
            if value is not None and class_id in scoring.names:
                yield ClassMeasure(scoring.names[class_id], metric, 100 * value, "%", part.truths)


def _percentages(images: int, ratios: Mapping[str, float | None]) -> list[Measure]:
    return [measure(name, 100 * value, images) for name, value in ratios.items() if value is not None]


def _plain_counts(total: Tally, scoring: Scoring, images: int, empty: int) -> list[Measure]:
    counts = {"tp": total.true_positives, "fp": total.false_positives, "fn": total.false_negatives}
    named = {f"{name}@{scoring.tag}": value for name, value in counts.items()} | (
        {"empty_truths": empty} if empty else {}
    )
    return [measure(name, float(value), images) for name, value in named.items()]


def _of_image(id: str, part: Tally, scoring: Scoring) -> list[ImageMeasure]:
    ratios = {name: value for name, value in _main(part, scoring).items() if value is not None}
    numbers = {
        f"tp@{scoring.tag}": part.true_positives,
        f"fp@{scoring.tag}": part.false_positives,
        f"fn@{scoring.tag}": part.false_negatives,
        f"iou_gt_sum@{scoring.score_tag}": part.best_overlap_sum,
        **{name: 100 * value for name, value in ratios.items()},
    }
    return [ImageMeasure(id, metric, float(value)) for metric, value in numbers.items()]


def _two_digits(threshold: float) -> str:
    """Write ``0.6`` as ``0.60``, but ``0.125`` and ``0.001`` in full, so that no two thresholds share a name."""
    return f"{threshold:.2f}" if round(threshold, 2) == threshold else f"{threshold:g}"


def _mean(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None
