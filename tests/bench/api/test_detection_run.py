"""A run with the real detector on real photographs: every protocol, and COCO's averages by pycocotools directly."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from bench.api.run import run_suite
from bench.api.verify import verify_run
from bench.io.images import read_image
from bench.suites.suite import Suite, parse_suite
from tasks.classes import known_spaces

SUITE = """
derainers = ["clean", "rain"]
[datasets.coco]
source = "coco"
root = "coco"
rain = "coco350_y"
count = {count}
[tasks.detection]
model = "ultralytics:{model}"
"""


def suite_of(shared: Path, count: int) -> Suite:
    model = shared / "models/detection/yolov8n_int8.tflite"
    return parse_suite(SUITE.format(count=count, model=model), "test", "test suite")


def values_of(out: Path) -> dict[tuple[str, str], float]:
    with (out / "records.csv").open(newline="", encoding="utf-8") as file:
        return {(row["derainer"], row["metric"]): float(row["value"]) for row in csv.DictReader(file)}


@pytest.fixture(autouse=True)
def libraries() -> None:
    pytest.importorskip("ultralytics", exc_type=ImportError)
    pytest.importorskip("ai_edge_litert")


@pytest.mark.shared
def test_a_run_with_a_clean_row_tells_what_the_rain_alone_does(shared: Path, tmp_path: Path) -> None:
    run_suite(suite_of(shared, 3), tmp_path / "run", roots={"coco": shared / "data/coco"})
    values = values_of(tmp_path / "run")
    for name in ("precision", "recall", "iou", "AP", "AP50", "AP75"):
        assert values["clean", f"{name}:pseudo_gt"] == pytest.approx(100)
        assert values["rain", f"{name}:pseudo_gt"] < 100
    assert verify_run(tmp_path / "run") == []


@pytest.mark.slow
@pytest.mark.shared
def test_all_protocols_on_a_hundred_photographs(shared: Path, tmp_path: Path) -> None:
    suite = suite_of(shared, 100)
    run_suite(suite, tmp_path / "run", roots={"coco": shared / "data/coco"})
    values = values_of(tmp_path / "run")
    rules = ("literal_conf", "darknet_recall", "darknet_map", "pseudo_gt")
    assert {("rain", f"{part}:{rule}") for part in ("precision", "recall", "iou") for rule in rules} <= values.keys()
    assert {("rain", name) for name in ("AP", "AP60", "AR100", "AP_small", "iou_tp@0.25/0.60")} <= values.keys()
    official = averages_by_pycocotools(shared, detections_by_ultralytics(shared))
    for name, expected in zip(("AP", "AP50", "AP75"), official, strict=False):
        assert values["clean", name] / 100 == pytest.approx(expected, abs=0.001)


def detections_by_ultralytics(shared: Path) -> list[dict[str, object]]:
    """What ultralytics itself says of the photographs, in COCO's results format."""
    from ultralytics.models import YOLO

    model = YOLO(str(shared / "models/detection/yolov8n_int8.tflite"), task="detect", verbose=False)
    ids, results = known_spaces()["coco"].ids, []
    for path in sorted((shared / "data/coco/val2017").glob("*.jpg")):
        image = np.ascontiguousarray(read_image(path)[..., ::-1])
        [found] = model.predict(image, conf=0.001, iou=0.7, max_det=300, verbose=False)
        for (x1, y1, x2, y2), score, number in zip(
            found.boxes.xyxy.tolist(), found.boxes.conf.tolist(), found.boxes.cls.tolist(), strict=True
        ):
            box = [x1, y1, x2 - x1, y2 - y1]
            results.append({"image_id": int(path.stem), "category_id": ids[int(number)], "bbox": box, "score": score})
    return results


def averages_by_pycocotools(shared: Path, results: list[dict[str, object]]) -> np.ndarray:
    """The twelve numbers that pycocotools prints, over the categories that the photographs have."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    path = shared / "data/coco/annotations/instances_val2017.json"
    images = {entry["id"] for entry in json.loads(path.read_text())["images"]}
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(path))
        evaluation = COCOeval(coco, coco.loadRes([r for r in results if r["image_id"] in images]), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return np.asarray(evaluation.stats)
