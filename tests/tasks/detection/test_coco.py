"""Boxes and averages against pycocotools used by its own files and functions."""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from bench.contract import Detections, Instances
from tasks.detection.boxes import box_areas, box_overlaps
from tasks.detection.coco import CocoTables

SIZE = (60, 80)
CLASSES = (1, 3, 90)


def random_boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    corner = rng.uniform(0, 50, (count, 2))
    return np.concatenate([corner, corner + rng.uniform(1, 30, (count, 2))], axis=1)


def random_case(rng: np.random.Generator) -> tuple[Detections, Instances]:
    count = int(rng.integers(0, 6))
    boxes = random_boxes(rng, count)
    truth = Instances(boxes, rng.choice(CLASSES, count), rng.random(count) < 0.2, box_areas(boxes) * 0.7)
    near = boxes + rng.normal(0, 1.5, boxes.shape)
    near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 0.5)
    extra = int(rng.integers(0, 5))
    found = np.concatenate([near, random_boxes(rng, extra)])
    ids = np.concatenate([truth.class_ids, rng.choice(CLASSES, extra)])
    return Detections(found, rng.random(len(found)).round(2), ids), truth


def official(cases: list[tuple[Detections, Instances]], folder: Path) -> np.ndarray:
    """What pycocotools prints for files of annotations and results: its twelve numbers."""
    xywh = lambda box: [*map(float, box[:2]), float(box[2] - box[0]), float(box[3] - box[1])]  # noqa: E731
    annotations = [
        {"image_id": n, "category_id": int(t.class_ids[k]), "bbox": xywh(t.boxes[k]), "area": float(t.areas[k]),
         "iscrowd": int(t.crowd[k])}
        for n, (_, t) in enumerate(cases, 1) for k in range(len(t.boxes))
    ]  # fmt: skip
    results = [
        {"image_id": n, "category_id": int(d.class_ids[k]), "bbox": xywh(d.boxes[k]), "score": float(d.scores[k])}
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
        evaluation = COCOeval(coco, coco.loadRes(str(folder / "results.json")), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return np.asarray(evaluation.stats)


NAMES = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR1", "AR10", "AR100")


@pytest.mark.parametrize(("count", "seed"), [(100, 7), pytest.param(1000, 8, marks=pytest.mark.slow)])
def test_averages_equal_those_that_pycocotools_prints(tmp_path: Path, count: int, seed: int) -> None:
    rng, compared = np.random.default_rng(seed), 0
    while compared < count:
        cases = [random_case(rng) for _ in range(int(rng.integers(2, 6)))]
        if not any(len(d.boxes) for d, _ in cases) or not any(len(t.boxes) for _, t in cases):
            continue
        compared += 1
        tables = CocoTables(CLASSES, "bbox")
        for seen, truth in cases:
            tables.add(seen, truth, SIZE)
        ours, expected = tables.evaluate()[0], dict(zip(NAMES, official(cases, tmp_path), strict=False))
        assert {name: ours.get(name, -1.0) for name in NAMES} == pytest.approx(expected, abs=1e-12)


def test_boxes_of_a_thousand_random_cases_overlap_as_in_pycocotools() -> None:
    rng = np.random.default_rng(11)
    for _ in range(1000):
        boxes, truths = random_boxes(rng, int(rng.integers(1, 5))), random_boxes(rng, int(rng.integers(1, 5)))
        crowd = rng.random(len(truths)) < 0.3
        xywh = [np.concatenate([b[:, :2], b[:, 2:] - b[:, :2]], axis=1) for b in (boxes, truths)]
        expected = coco_mask.iou(xywh[0], xywh[1], crowd.astype(int).tolist())
        np.testing.assert_allclose(box_overlaps(boxes, truths, crowd), expected, atol=1e-12)


def test_without_objects_nothing_is_defined() -> None:
    tables = CocoTables(CLASSES, "bbox")
    empty = Instances(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, bool), np.zeros(0))
    tables.add(Detections(random_boxes(np.random.default_rng(0), 1), np.ones(1), np.ones(1, np.int64)), empty, SIZE)
    assert tables.evaluate() == ({}, {})


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
