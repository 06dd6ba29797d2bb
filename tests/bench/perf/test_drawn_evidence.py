"""Evidence drawn for timing is about as right and as wrong as that of real models."""

from __future__ import annotations

import numpy as np

from bench.contract import Evidence, Truth
from bench.perf.drawn_evidence import draw_label_maps, draw_objects, draw_picture
from bench.scoring.statistics import draw_weights
from tasks.detection.summary import Scoring, resample_objects
from tasks.detection.task import overlaps_of_boxes


def test_objects_have_right_and_wrong_detections() -> None:
    rng = np.random.default_rng(0)
    evidence: dict[str, Evidence] = {}
    truths: dict[str, Truth] = {}
    for image in map(str, range(4)):
        objects, detections = draw_objects(rng, range(80), objects=7, detections=140)
        assert (len(objects.boxes), len(detections.boxes)) == (7, 140)
        assert (detections.boxes[:, 2:] > detections.boxes[:, :2]).all()
        assert (np.diff(detections.scores) <= 0).all()
        evidence[image], truths[image] = detections, Truth((480, 640), objects)
    rules = Scoring("bbox", overlaps_of_boxes, tuple(range(80)), 0.25, 0.6)
    ap = resample_objects(evidence, truths, rules, draw_weights(4, 6, "drawn"))["AP"]
    assert ((ap > 5) & (ap < 100)).all()


def test_objects_are_of_the_classes_asked_for() -> None:
    objects, detections = draw_objects(np.random.default_rng(0), (3, 5), objects=20, detections=60)
    assert set(objects.class_ids) == set(detections.class_ids) == {3, 5}


def test_label_maps_agree_in_nine_tenths_of_their_pixels() -> None:
    predicted, true = draw_label_maps(np.random.default_rng(0), classes=19, height=120, width=160)
    assert predicted.shape == true.shape == (120, 160)
    assert predicted.dtype == true.dtype == np.uint8
    assert set(np.unique(true)) == set(range(19))
    assert 0.88 < (predicted == true).mean() < 0.93
    assert (true[:, ::16] == true[:, 15::16]).all()


def test_pictures_are_repeatable_and_use_the_range() -> None:
    picture = draw_picture(48, 64, seed=1)
    assert picture.shape == (48, 64, 3)
    assert picture.dtype == np.uint8
    assert np.array_equal(picture, draw_picture(48, 64, seed=1))
    assert not np.array_equal(picture, draw_picture(48, 64, seed=2))
    assert np.ptp(picture) > 100
