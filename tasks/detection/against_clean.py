"""Score a detector against its own answers on the clean images (protocol ``pseudo_gt``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bench.contract import Detections, Evidence, FloatArray, IntArray, Measure, Truth
from tasks.detection.objects import pseudo_truth
from tasks.detection.summary import Scoring, resample_objects, summarise_objects


def measure_against_clean(
    evidence: Mapping[str, Evidence], clean: Mapping[str, Evidence], truths: Mapping[str, Truth], scoring: Scoring
) -> list[Measure]:
    """Score detections against the same model's detections in the clean images.

    Args:
        evidence: Detections in the restored images.
        clean: Detections in the clean images; those of at least ``PSEUDO_SCORE`` are taken for true objects.
        truths: Only the images' sizes are used.
        scoring: Thresholds and classes.
    """
    names = _names(scoring)
    measures = summarise_objects(evidence, _assumed(clean, truths), _main_only(scoring)).measures
    return [replace(measure, metric=names[measure.metric]) for measure in measures if measure.metric in names]


def resample_against_clean(
    evidence: Mapping[str, Evidence],
    clean: Mapping[str, Evidence],
    truths: Mapping[str, Truth],
    scoring: Scoring,
    weights: IntArray,
) -> dict[str, FloatArray]:
    """Compute these metrics on every resample; ``weights`` as in :func:`tasks.detection.summary.resample_objects`."""
    names = _names(scoring)
    found = resample_objects(evidence, _assumed(clean, truths), _main_only(scoring), weights)
    return {names[metric]: values for metric, values in found.items() if metric in names}


def _assumed(clean: Mapping[str, Evidence], truths: Mapping[str, Truth]) -> dict[str, Truth]:
    assumed: dict[str, Truth] = {}
    for id in clean:
        seen = clean[id]
        if not isinstance(seen, Detections):
            raise TypeError(f"{id}: expected detections, got {type(seen).__name__}")
        assumed[id] = Truth(truths[id].size, pseudo_truth(seen))
    return assumed


def _main_only(scoring: Scoring) -> Scoring:
    return replace(scoring, sweep=(), rules=(), names={})


def _names(scoring: Scoring) -> dict[str, str]:
    """Map the names of the main metrics to their names in this protocol."""
    main = {"precision": scoring.tag, "recall": scoring.tag, "iou_gt": scoring.score_tag}
    found = {f"{name}@{tag}": f"{name.removesuffix('_gt')}:pseudo_gt" for name, tag in main.items()}
    found |= {name: f"{name}:pseudo_gt" for name in ("AP", "AP50", "AP75")}
    return {scoring.prefix + old: scoring.prefix + new for old, new in found.items()}
