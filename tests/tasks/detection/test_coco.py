"""Boxes and averages against pycocotools used by its own files and functions."""

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from bench.contract import Detections, Instances, Rle
from bench.io.masks import encode
from tasks.detection.boxes import box_areas, box_overlaps
from tasks.detection.coco import CocoTables, Kind

SIZE = (250, 250)
CLASSES = (1, 3, 90)
Case = tuple[Detections, Instances]


def random_boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    corner = rng.uniform(0, 50, (count, 2))
    sides = rng.uniform(1, rng.choice([20, 80, 200], (count, 1)), (count, 2))  # COCO's limits are 32 and 96 squared
    return np.concatenate([corner, corner + sides], axis=1)


def random_case(rng: np.random.Generator) -> Case:
    count = int(rng.integers(0, 6))
    boxes = random_boxes(rng, count)
    truth = Instances(boxes, rng.choice(CLASSES, count), rng.random(count) < 0.2, box_areas(boxes) * 0.7)
    near = boxes + rng.normal(0, 1.5, boxes.shape)
    near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 0.5)
    extra = int(rng.integers(0, 5))
    found = np.concatenate([near, random_boxes(rng, extra)])
    ids = np.concatenate([truth.class_ids, rng.choice(CLASSES, extra)])
    return Detections(found, rng.random(len(found)).round(2), ids), truth


def official(cases: list[Case], folder: Path, kind: str = "bbox") -> COCOeval:
    """What pycocotools finds in files of annotations and results."""
    xywh = lambda box: [*map(float, box[:2]), float(box[2] - box[0]), float(box[3] - box[1])]  # noqa: E731
    place = lambda own, k: {"segmentation": own.masks[k]} if kind == "segm" else {"bbox": xywh(own.boxes[k])}  # noqa: E731
    annotations = [
        {"image_id": n, "category_id": int(t.class_ids[k]), "area": float(t.areas[k]), "iscrowd": int(t.crowd[k]),
         **place(t, k)}
        for n, (_, t) in enumerate(cases, 1) for k in range(len(t.boxes))
    ]  # fmt: skip
    results = [
        {"image_id": n, "category_id": int(d.class_ids[k]), "score": float(d.scores[k]), **place(d, k)}
        for n, (d, _) in enumerate(cases, 1) for k in range(len(d.boxes))
    ]  # fmt: skip
    truth = {
        "images": [{"id": n, "height": SIZE[0], "width": SIZE[1]} for n in range(1, len(cases) + 1)],
        "categories": [{"id": id, "name": str(id)} for id in CLASSES],
        "annotations": [{**row, "id": n} for n, row in enumerate(annotations, 1)],
        "info": {},
    }
    (folder / "truth.json").write_text(json.dumps(truth))
    (folder / "results.json").write_text(json.dumps(results))
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(folder / "truth.json"))
        evaluation = COCOeval(coco, coco.loadRes(str(folder / "results.json")), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


NAMES = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR1", "AR10", "AR100")


def expected_of(evaluation: COCOeval) -> tuple[dict[str, float], dict[int, float]]:
    """The numbers that pycocotools prints, at IoU 0.60 those that it could print, and the AP of every class."""
    precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]
    mean = lambda table: float(table[table > -1].mean()) if (table > -1).any() else -1.0  # noqa: E731
    # Thresholds 0.50, 0.55, 0.60; all areas; 100 detections.
    further = {"AP60": mean(precision[2, :, :, 0, 2]), "AR60": mean(recall[2, :, 0, 2])}
    averages = dict(zip(NAMES, evaluation.stats, strict=False)) | further
    of_classes = {id: mean(precision[:, :, column, 0, 2]) for column, id in enumerate(CLASSES)}
    return defined(averages), defined(of_classes)


def defined(averages: dict[Any, float]) -> dict[Any, float]:
    return {name: pytest.approx(value, abs=1e-12) for name, value in averages.items() if value != -1}


def evaluated(cases: list[Case], kind: Kind = "bbox") -> tuple[dict[str, float], dict[int, float]]:
    tables = CocoTables(CLASSES, kind)
    for seen, truth in cases:
        tables.add(seen, truth, SIZE)
    return tables.evaluate()


@pytest.mark.parametrize(("count", "seed"), [(40, 7), pytest.param(1000, 8, marks=pytest.mark.slow)])
def test_averages_equal_those_that_pycocotools_prints(tmp_path: Path, count: int, seed: int) -> None:
    rng, compared = np.random.default_rng(seed), 0
    while compared < count:
        cases = [random_case(rng) for _ in range(int(rng.integers(2, 6)))]
        if not any(len(d.boxes) for d, _ in cases) or not any(len(t.boxes) for _, t in cases):
            continue
        compared += 1
        assert evaluated(cases) == expected_of(official(cases, tmp_path))


def crowded_case(rng: np.random.Generator) -> Case:
    """Forty objects of one class with 130 detections: more than COCO looks at."""
    boxes = random_boxes(rng, 40)
    truth = Instances(boxes, np.ones(40, np.int64), rng.random(40) < 0.1, box_areas(boxes))
    near = np.repeat(boxes, 3, axis=0) + rng.normal(0, 1, (120, 4))
    found = np.concatenate([near[(near[:, 2:] > near[:, :2]).all(axis=1)], random_boxes(rng, 10)])
    return Detections(found, rng.random(len(found)), np.ones(len(found), np.int64)), truth


def test_of_many_detections_in_an_image_the_best_count_as_in_pycocotools(tmp_path: Path) -> None:
    cases = [crowded_case(np.random.default_rng(seed)) for seed in range(3)]
    assert min(len(seen.boxes) for seen, _ in cases) > 100
    ours = evaluated(cases)
    assert ours == expected_of(official(cases, tmp_path))
    assert set(ours[0]) == {*NAMES, "AP60", "AR60"}


def with_masks(case: Case, rng: np.random.Generator) -> Case:
    """Boxes with ragged masks in them."""

    def ragged(boxes: np.ndarray) -> tuple[Rle, ...]:
        masks = np.zeros((len(boxes), *SIZE), dtype=bool)
        for mask, (x1, y1, x2, y2) in zip(masks, boxes.round().clip(0, 249).astype(int), strict=True):
            mask[y1 : y2 + 1, x1 : x2 + 1] = rng.random((y2 - y1 + 1, x2 - x1 + 1)) < 0.9
            mask[y1, x1] = True
        return tuple(map(encode, masks))

    seen, truth = case
    return replace(seen, masks=ragged(seen.boxes)), replace(truth, masks=ragged(truth.boxes))


def test_averages_of_masks_equal_those_that_pycocotools_prints(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    cases = [with_masks(random_case(rng), rng) for _ in range(25)]
    ours = evaluated(cases, "segm")
    assert ours == expected_of(official(cases, tmp_path, "segm"))
    assert set(ours[0]) == {*NAMES, "AP60", "AR60"}
    seen, truth = crowded_case(rng)
    for case in ((seen, with_masks((seen, truth), rng)[1]), (with_masks((seen, truth), rng)[0], truth)):
        with pytest.raises(ValueError, match="mask scores need"):
            evaluated([case], "segm")


def test_boxes_of_a_thousand_random_cases_overlap_as_in_pycocotools() -> None:
    rng = np.random.default_rng(11)
    for _ in range(1000):
        boxes, truths = random_boxes(rng, int(rng.integers(1, 5))), random_boxes(rng, int(rng.integers(1, 5)))
        crowd = rng.random(len(truths)) < 0.3
        xywh = [np.concatenate([b[:, :2], b[:, 2:] - b[:, :2]], axis=1) for b in (boxes, truths)]
        expected = coco_mask.iou(xywh[0], xywh[1], crowd.astype(int).tolist())
        np.testing.assert_allclose(box_overlaps(boxes, truths, crowd), expected, atol=1e-12)


def test_what_has_no_area_overlaps_nothing() -> None:
    line = np.array([[5, 5, 5, 20]], dtype=float)
    both = np.concatenate([line, [[0, 0, 10, 10]]])
    assert box_overlaps(line, both, np.array([False, False])).tolist() == [[0, 0]]
    assert box_overlaps(line, both, np.array([True, True])).tolist() == [[0, 0]]


def test_without_objects_nothing_is_defined() -> None:
    tables = CocoTables(CLASSES, "bbox")
    empty = Instances(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, bool), np.zeros(0))
    tables.add(Detections(random_boxes(np.random.default_rng(0), 1), np.ones(1), np.ones(1, np.int64)), empty, SIZE)
    assert tables.evaluate() == ({}, {})
    assert tables.resample(np.ones((3, 1), np.int64)) == {}


def test_a_detector_that_sees_nothing_scores_zero() -> None:
    boxes = random_boxes(np.random.default_rng(0), 1)
    tables = CocoTables(CLASSES, "bbox")
    truth = Instances(boxes, np.ones(1, np.int64), np.zeros(1, bool), box_areas(boxes))
    tables.add(Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64)), truth, SIZE)
    assert tables.evaluate()[0]["AP"] == 0.0


def test_classes_that_are_not_scored_count_on_neither_side() -> None:
    boxes = random_boxes(np.random.default_rng(2), 2)
    ids = np.array([1, 10])
    tables = CocoTables(CLASSES, "bbox")
    tables.add(
        Detections(boxes[:1], np.ones(1), ids[:1]),
        Instances(boxes, ids, np.zeros(2, bool), box_areas(boxes)),
        SIZE,
    )
    assert tables.evaluate()[0]["AP"] == pytest.approx(1.0)
