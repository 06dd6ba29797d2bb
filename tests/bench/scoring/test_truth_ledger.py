"""Every labelled object and pixel of a run is accounted for; where nothing is left to score there is no row."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow

from bench.contract import Classes, ClassSpace, Instances, Truth
from bench.scoring.truth_ledger import (
    LabelFiles,
    TruthLine,
    absent_lines,
    excluded_lines,
    file_lines,
    notes_below,
    read_truth,
    truth_frame,
)
from tasks.detection.task import build as build_detection
from tasks.instances.task import build as build_instances
from tasks.semantic.task import build as build_semantic
from tests.bench.cli_call import Call

SPACE = ClassSpace("mine", (1, 2, 3), ("person", "car", "unicorn"))
MASK = {"size": [20, 30], "counts": "d:"}
RECORDED = {"model": "recorded:net", "classes": ("person", "car")}


def objects_of(rng: np.random.Generator) -> Instances:
    count = int(rng.integers(0, 6))
    corners = rng.integers(0, 9, (count, 2)).astype(float)
    sides = rng.integers(0, 4, (count, 2)).astype(float)
    return Instances(
        np.concatenate([corners, corners + sides], axis=1),
        rng.choice((1, 2, 3), count),
        rng.random(count) < 0.2,
        sides.prod(axis=1),
        (MASK,) * count if rng.random() < 0.8 else None,
    )


def test_every_object_of_ten_thousand_images_has_one_fate() -> None:
    rng, seen = np.random.default_rng(0), set()
    boxes, masks = (build(RECORDED, Classes(instances=SPACE)) for build in (build_detection, build_instances))
    for _ in range(10_000):
        objects = objects_of(rng)
        truth = Truth((20, 30), objects)
        of_boxes, of_masks = boxes.account(truth), masks.account(truth)
        assert sum(of_boxes.values()) == sum(of_masks.values()) == len(objects.boxes)
        plain = np.isin(objects.class_ids, (1, 2)) & (objects.boxes[:, 2:] > objects.boxes[:, :2]).all(axis=1)
        scored = sum(count for (fate, _), count in of_boxes.items() if fate == "scored")
        assert scored == (plain & ~objects.crowd).sum()
        assert (
            sum(count for (_, name), count in of_boxes.items() if name == "unicorn") == (objects.class_ids == 3).sum()
        )
        if objects.masks is None:
            assert not any(fate == "scored" for fate, _ in of_masks)
        seen |= {fate for fate, _ in (*of_boxes, *of_masks)}
    assert seen == {"scored", "crowd", "zero area", "class not scored", "in an image with an object without mask"}


def test_every_pixel_has_one_fate() -> None:
    rng = np.random.default_rng(1)
    task = build_semantic(RECORDED, Classes(labels=SPACE))
    for _ in range(200):
        label_map = rng.choice(np.array([1, 2, 3, 255], dtype=np.uint8), (7, 9))
        counts = {id: int((label_map == id).sum()) for id in (1, 2, 3, 255)}
        assert task.account(Truth((7, 9), None, label_map)) == {
            key: count
            for key, count in {
                ("scored", "person"): counts[1],
                ("scored", "car"): counts[2],
                ("class not scored", "unicorn"): counts[3],
                ("not labelled", ""): counts[255],
            }.items()
            if count
        }


LINES = [
    TruthLine("d", "", "objects", "given", "", 9),
    TruthLine("d", "", "objects", "orphan id", "", 2),
    TruthLine("d", "", "objects", "not chosen", "", 70),
    TruthLine("d", "detection", "objects", "scored", "car", 4),
    TruthLine("d", "detection", "objects", "scored", "dog", 0),
    TruthLine("d", "detection", "objects", "crowd", "car", 1),
    TruthLine("d", "detection", "objects", "class not scored", "people", 4),
    TruthLine("d", "", "pixels", "given", "", 50),
    TruthLine("d", "", "pixels", "unpaired", "", 10),
    TruthLine("e", "semantic", "pixels", "scored", "road", 4),
    TruthLine("e", "semantic", "pixels", "not labelled", "", 4),
]


def test_what_is_excluded_is_said_in_one_line_and_what_is_ignored_is_not() -> None:
    assert excluded_lines(LINES) == [
        "labels of d: 2 of 11 true objects are not scored: 2 (orphan id)",
        "detection on d: 4 of 9 true objects are not scored: 4 people (class not scored)",
        "labels of d: 10 of 60 true pixels are not scored: 10 (unpaired)",
    ]
    assert absent_lines(LINES) == ["detection on d: 1 of 2 classes are in no image: dog"]
    void = TruthLine("e", "semantic", "pixels", "scored", "sky", 0)
    assert notes_below([*LINES, void])[3:] == ["semantic on e: 1 of 2 classes are in no image: sky"]


def test_the_sum_over_a_label_file_is_exact_when_images_are_lost() -> None:
    fates = {"given": 10, "crowd": 2, "zero area": 1, "orphan id": 3, "not chosen": 4}
    lines = file_lines("d", LabelFiles("objects", fates, rendered=9))
    assert sum(line.count for line in lines) == sum(fates.values())
    assert {line.fate: line.count for line in lines} == {
        "given": 9, "image not rendered": 3, "zero area": 1, "orphan id": 3, "not chosen": 4,
    }  # fmt: skip
    assert file_lines("d", LabelFiles("objects", {}, 9)) == []


def test_the_ledger_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    truth_frame(LINES).to_csv(tmp_path / "truth.csv", index=False)
    assert read_truth(tmp_path) == LINES
    assert read_truth(tmp_path / "elsewhere") == []


def coco_folder(root: Path, names: tuple[str, ...], counts: tuple[int, ...]) -> Path:
    """Two photographs with ``counts`` objects of each category, and one orphan."""
    (root / "val2017").mkdir(parents=True)
    (root / "annotations").mkdir()
    for number in (1, 2):
        noise = np.random.default_rng(number).integers(0, 255, (64, 96, 3), dtype=np.uint8)
        Pillow.fromarray(noise).save(root / "val2017" / f"{number}.png")
    kinds = [kind for kind, count in enumerate(counts, start=1) for _ in range(count)]
    objects = [
        {"id": n, "image_id": 1 + n % 2, "category_id": kind, "bbox": [4 * n, 5, 20, 20], "iscrowd": 0, "area": 400}
        for n, kind in enumerate(kinds, start=1)
    ]
    orphan = {"id": 99, "image_id": 77, "category_id": 1, "bbox": [1, 1, 9, 9], "iscrowd": 0, "area": 81}
    content = {
        "images": [{"id": n, "file_name": f"{n}.png", "height": 64, "width": 96} for n in (1, 2)],
        "categories": [{"id": n, "name": name} for n, name in enumerate(names, start=1)],
        "annotations": [*objects, orphan],
    }
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(content))
    return root


SUITE = """
derainers = ["rain", "clean"]
[datasets.mine]
source = "coco"
root = "coco"
rain = "coco350_y"
[tasks.detection]
model = "shipped:streets-yolo"
"""


@pytest.fixture
def detect(call: Call, tmp_path: Path) -> Path:
    pytest.importorskip("torch")
    path = tmp_path / "detect.toml"
    path.write_text(SUITE)
    return path


def test_a_run_says_what_of_its_truth_is_not_scored(call: Call, detect: Path, tmp_path: Path) -> None:
    folder = coco_folder(tmp_path / "coco", ("car", "unicorn"), (2, 3))
    done = call("run", detect, "--coco", folder, "--out", "out")
    said = "detection on mine: 3 of 5 true objects are not scored: 3 unicorn (class not scored)"
    assert done.status == 0, done.error
    assert said in done.out
    assert "labels of mine: 1 of 6 true objects are not scored: 1 (orphan id)" in done.out
    assert said in (tmp_path / "out/run.log").read_text()
    assert said in (tmp_path / "out/report.html").read_text()
    assert said in call("table", "out").out
    assert call("verify", "out").status == 0
    counts = pd.read_csv(tmp_path / "out/truth.csv").groupby("task", dropna=False)["count"].sum().tolist()
    assert sorted(counts) == [5, 6], "of the task, and of the label file"


def test_the_doctor_says_it_before_the_run(call: Call, detect: Path, tmp_path: Path) -> None:
    folder = coco_folder(tmp_path / "coco", ("car", "unicorn"), (2, 3))
    notes = json.loads(call("doctor", detect, "--coco", folder, "--json").out)["notes"]
    assert {note["detail"] for note in notes if note["fault"] == "excluded"} == {
        "detection on mine: 3 of 5 true objects are not scored: 3 unicorn (class not scored)",
        "1 of 6 objects are excluded: 1 orphan id",
    }
    detect.write_text(SUITE.replace("shipped:streets-yolo", "ultralytics:nowhere.pt"))
    notes = json.loads(call("doctor", detect, "--coco", folder, "--json").out)["notes"]
    assert any(note["detail"].startswith("detection on mine: what it scores is not known: ") for note in notes)


def test_where_nothing_is_left_to_score_there_is_no_row_and_a_failure(call: Call, detect: Path, tmp_path: Path) -> None:
    folder = coco_folder(tmp_path / "coco", ("car", "unicorn"), (0, 3))
    done = call("run", detect, "--coco", folder, "--out", "out")
    assert done.status == 1
    assert "failed mine clean detection: nothing is left to score against: detection on mine: 3 of 3" in done.error
    assert len((tmp_path / "out/records.csv").read_text().splitlines()) == 1, "the heading alone"
    failures = pd.read_csv(tmp_path / "out/failures.csv")
    assert failures["derainer"].tolist() == ["rain", "clean"]
    assert failures["reason"].str.contains("nothing is left to score against: detection on mine: 3 of 3").all()
    assert call("verify", "out").status == 0


def test_shards_leave_out_what_is_anothers_and_merge_to_the_whole(call: Call, detect: Path, tmp_path: Path) -> None:
    folder = coco_folder(tmp_path / "coco", ("car", "unicorn"), (2, 3))
    for out, more in (("whole", ()), ("s1", ("--shard", "1/2")), ("s2", ("--shard", "2/2"))):
        done = call("run", detect, "--coco", folder, "--out", out, *more)
        assert done.status == 0, done.error
        assert "not rendered" not in done.out + (tmp_path / out / "truth.csv").read_text()
    assert call("merge", "merged", "s1", "s2").status == 0
    assert (tmp_path / "merged/truth.csv").read_bytes() == (tmp_path / "whole/truth.csv").read_bytes()


SEMANTIC_SUITE = """
derainers = ["rain", "clean"]
[datasets.photos]
source = "folder"
root = "photos"
rain = "coco350_y"
parameters = { images = "val", masks = "valannot" }
[tasks.semantic]
model = "shipped:streets-unet"
"""


def test_every_pixel_of_the_mask_files_is_accounted_for(call: Call, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    for place in ("val", "valannot"):
        (tmp_path / "photos" / place).mkdir(parents=True)
    (tmp_path / "photos/classes.csv").write_text("id,name\n0,road\n1,sky\n11,void\n")
    for name, ids in {"a": (0, 1, 11, 255), "b": (0, 1), "c": (0, 77), "no-photo": (0, 1)}.items():
        if name != "no-photo":
            pixels = rng.integers(0, 255, (64, 96, 3), dtype=np.uint8)
            Pillow.fromarray(pixels).save(tmp_path / "photos/val" / f"{name}.png")
        mask = rng.choice(np.array(ids, dtype=np.uint8), (64, 96))
        Pillow.fromarray(mask).save(tmp_path / "photos/valannot" / f"{name}.png")
    (tmp_path / "semantic.toml").write_text(SEMANTIC_SUITE)
    done = call("run", "semantic.toml", "--data", "photos=photos", "--out", "out")
    assert done.status == 1, "c has an unknown class"
    area = 64 * 96
    said = f"labels of photos: {2 * area} of {4 * area} true pixels are not scored: {area} (unpaired), "
    assert f"{said}{area} (image not rendered)" in (tmp_path / "out/run.log").read_text()
    lines = read_truth(tmp_path / "out")
    assert {line.fate: line.count for line in lines if not line.task} == {
        "given": 2 * area, "unpaired": area, "image not rendered": area,
    }  # fmt: skip
    assert sum(line.count for line in lines if line.task == "semantic") == 2 * area
    assert call("verify", "out").status == 0
