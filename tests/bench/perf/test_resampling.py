"""The speed of intervals is measured on evidence as real models leave it."""

from __future__ import annotations

import numpy as np
import pytest

from bench.contract import Detections
from bench.perf.resampling import DETECTIONS, OBJECTS, _objects, resampling_speeds
from bench.scoring.statistics import draw_weights
from tasks.detection.summary import Scoring, resample_objects
from tasks.detection.task import overlaps_of_boxes


def test_both_metrics_and_their_sum_are_told() -> None:
    frame = resampling_speeds(images=3, rows=2, resamples=5)
    assert list(frame["what"]) == ["AP", "mIoU", "AP and mIoU"]
    assert (frame[["seconds", "cpu_seconds"]] > 0).all(axis=None)
    assert frame["seconds"].iloc[2] == pytest.approx(frame["seconds"].iloc[:2].sum())
    assert set(frame["rows"]) == {2}


def test_the_evidence_has_right_and_wrong_detections() -> None:
    evidence, truths = _objects(np.random.default_rng(0), 4)
    for id, seen in evidence.items():
        assert isinstance(seen, Detections)
        assert len(seen.scores) == DETECTIONS
        assert (np.diff(seen.scores) <= 0).all()
        found = truths[id].instances
        assert found is not None
        assert len(found.boxes) == OBJECTS
    rules = Scoring("bbox", overlaps_of_boxes, tuple(range(80)), 0.25, 0.6)
    found = resample_objects(evidence, truths, rules, draw_weights(4, 6, "set 0"))
    assert (found["AP"] > 5).all()
    assert (found["AP"] < 100).all()
