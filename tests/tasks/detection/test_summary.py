"""From detections and truths to a row of the table."""

from dataclasses import replace

import numpy as np
import pytest

from bench.contract import ClassSpace, Detections, Instances, Truth
from bench.errors import UserError
from tasks.detection.boxes import box_areas, box_overlaps
from tasks.detection.detector import MOST_BOXES, tidy
from tasks.detection.summary import Scoring, class_names, resample_objects, summarise_objects
from tasks.scored_classes import check_covered, choose_scored

SCORING = Scoring("bbox", lambda seen, truth: box_overlaps(seen.boxes, truth.boxes, truth.crowd), (1, 2), 0.25, 0.6)
SQUARES = np.array([[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10], [60, 5, 60, 15]], dtype=float)


def truths_of(boxes: np.ndarray, ids: list[int], crowd: list[bool] | None = None) -> Truth:
    flags = np.array(crowd or [False] * len(ids), dtype=bool)
    instances = Instances(boxes, np.array(ids, dtype=np.int64), flags, box_areas(boxes))
    return Truth((100, 100), instances)


def seen_of(boxes: np.ndarray, ids: list[int], scores: list[float]) -> Detections:
    return Detections(boxes, np.array(scores, dtype=float), np.array(ids, dtype=np.int64))


def test_a_dataset_counted_by_hand() -> None:
    truths = {
        "a": truths_of(SQUARES, [1, 1, 2, 2]),  # the last has no area
        "b": truths_of(SQUARES[:1], [9]),  # a class that is not scored
    }
    evidence = {
        # right; too low a score; right place, wrong class
        "a": seen_of(SQUARES[:3], [1, 1, 1], [0.9, 0.2, 0.8]),
        "b": seen_of(SQUARES[:2], [9, 1], [0.9, 0.5]),
    }
    summary = summarise_objects(evidence, truths, SCORING)
    values = {measure.metric: measure.value for measure in summary.measures}
    assert values["tp@0.25/0.60"] == 1
    assert values["fp@0.25/0.60"] == 2
    assert values["fn@0.25/0.60"] == 2
    assert values["precision@0.25/0.60"] == pytest.approx(100 / 3)
    assert values["recall@0.25/0.60"] == pytest.approx(100 / 3)
    assert values["iou_gt@0.25"] == pytest.approx(100 / 3)
    assert values["empty_truths"] == 1
    assert {measure.images for measure in summary.measures} == {2}
    per_image = {(row.image, row.metric): row.value for row in summary.per_image}
    assert per_image["a", "fn@0.25/0.60"] == 2
    assert per_image["b", "fp@0.25/0.60"] == 1
    assert per_image["a", "iou_gt_sum@0.25"] == 1
    # One right of two seen and three there: F1 is 2 / (2 + 3), and its mean over boxes is 1 / 3.
    assert per_image["a", "f1@0.25/0.60"] == pytest.approx(40)
    assert per_image["a", "iou_gt@0.25"] == pytest.approx(100 / 3)
    assert per_image["b", "precision@0.25/0.60"] == 0
    assert ("b", "recall@0.25/0.60") not in per_image, "nothing is there to be found"
    assert values["f1@0.25/0.60"] == pytest.approx(200 / 6)


def test_every_class_is_told_with_its_support() -> None:
    truths = {"a": truths_of(SQUARES[:3], [1, 1, 2], [False, False, True])}
    evidence = {"a": seen_of(SQUARES[:1], [1], [0.9])}
    summary = summarise_objects(evidence, truths, replace(SCORING, names={1: "car", 2: "bus"}))
    found = {(row.label, row.metric): (row.value, row.support) for row in summary.per_class}
    # COCO reads precision at 101 recalls: 51 of them, 0 to 0.5, are reached by the one right detection.
    assert found.pop(("car", "AP")) == (pytest.approx(100 * 51 / 101), 2)
    assert found == {
        ("car", "precision@0.25/0.60"): (100.0, 2),
        ("car", "recall@0.25/0.60"): (50.0, 2),
    }, "a crowd of buses is no bus"
    assert not [measure for measure in summary.measures if "[" in measure.metric]


def test_order_of_images_plays_no_part() -> None:
    rng = np.random.default_rng(4)
    truths, evidence = {}, {}
    for id in "cabd":
        boxes = np.concatenate([rng.uniform(0, 40, (3, 2)), rng.uniform(41, 90, (3, 2))], axis=1)
        truths[id] = truths_of(boxes, [1, 2, 1])
        evidence[id] = seen_of(boxes + rng.normal(0, 3, boxes.shape), [1, 2, 1], list(rng.random(3)))
    backward = summarise_objects(dict(reversed(evidence.items())), dict(reversed(truths.items())), SCORING)
    assert summarise_objects(evidence, truths, SCORING) == backward


def test_a_detection_of_just_the_least_score_counts() -> None:
    truths, evidence = {"a": truths_of(SQUARES[:2], [1, 2])}, {"a": seen_of(SQUARES[:2], [1, 2], [0.25, 0.2499])}
    for least, right in ((0.25, 1), (0.2499, 2), (0.2501, 0)):
        scoring = replace(SCORING, score=least)
        values = {m.metric: m.value for m in summarise_objects(evidence, truths, scoring).measures}
        assert values[f"tp@{scoring.tag}"] == right
        assert values[f"fn@{scoring.tag}"] == 2 - right


def test_classes_are_named_by_their_ids() -> None:
    assert class_names(ClassSpace("mine", (3, 7), ("car", "bus"))) == {3: "car", 7: "bus"}
    assert class_names(None) == {}


def test_undefined_ratios_have_no_measure() -> None:
    nothing = np.zeros((0, 4))
    summary = summarise_objects({"a": seen_of(nothing, [], [])}, {"a": truths_of(nothing, [])}, SCORING)
    assert {m.metric: m.value for m in summary.measures} == {f"{n}@0.25/0.60": 0.0 for n in ("tp", "fp", "fn")}


def test_without_any_truth_there_is_no_precision() -> None:
    nothing = np.zeros((0, 4))
    seen = {id: seen_of(SQUARES, [1] * 4, [1.0] * 4) for id in "ab"}
    truths = {id: truths_of(nothing, []) for id in "ab"}
    summary = summarise_objects(seen, truths, SCORING)
    assert {m.metric: m.value for m in summary.measures} == {"tp@0.25/0.60": 0, "fp@0.25/0.60": 8, "fn@0.25/0.60": 0}
    found = resample_objects(seen, truths, SCORING, np.array([[1, 1], [2, 0]]))
    assert all(np.isnan(values).all() for values in found.values())


def test_an_image_without_labels_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="night-7: has no labelled boxes"):
        summarise_objects({"night-7": seen_of(SQUARES, [1] * 4, [1.0] * 4)}, {"night-7": Truth((9, 9))}, SCORING)


def test_raw_detections_become_evidence() -> None:
    boxes = np.array([
        [-5, 2, 20, 30], [np.nan, 0, 5, 5], [50, 0, 60, 5], [3, 3, 3, 9], [1, 1, 4, 4], [1, 1, 5, 5], [2, 2, 6, 6],
    ])  # fmt: skip
    raw = seen_of(boxes, [0, 0, 0, 0, 7, 0, 0], [0.5, 0.9, 0.9, 0.9, 0.9, 0.0005, 0.8])
    kept = tidy(raw, {0: 13}, (25, 40))
    # Left out: not finite, outside the image, without area, of no class in the dataset, below the least score.
    assert kept.boxes.tolist() == [[2, 2, 6, 6], [0, 2, 20, 25]]
    assert kept.scores.tolist() == [0.8, 0.5]
    assert kept.class_ids.tolist() == [13, 13]


def test_only_the_best_boxes_are_kept() -> None:
    scores = np.linspace(0.01, 0.9, MOST_BOXES + 20)
    raw = seen_of(np.tile(SQUARES[:1], (len(scores), 1)), [0] * len(scores), list(scores))
    kept = tidy(raw, {0: 1}, (100, 100))
    assert kept.scores.tolist() == sorted(scores, reverse=True)[:MOST_BOXES]


DATASET = ClassSpace("street", (1, 2, 3), ("car", "traffic sign", "bus"))


def test_classes_that_the_model_cannot_see_are_not_scored() -> None:
    model = ClassSpace("mine", (0, 1), ("car", "bus"))
    assert choose_scored(DATASET, model, (), "detection") == (1, 3)
    assert choose_scored(DATASET, None, (), "detection") == (1, 2, 3)
    assert choose_scored(DATASET, None, ("bus",), "detection") == (3,)
    with pytest.raises(UserError, match="no class tram"):
        choose_scored(DATASET, model, ("tram",), "detection")


def test_scoring_a_class_that_the_model_cannot_see_is_refused() -> None:
    with pytest.raises(UserError, match=r"cannot see traffic sign.*classes = \['car', 'bus'\]"):
        check_covered(DATASET, (1, 2, 3), {0: 1, 1: 3}, "mine")
