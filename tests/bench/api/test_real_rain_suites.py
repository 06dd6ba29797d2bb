"""The suites of real rain on miniature trees: examined, chosen, and cut down to what is there."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from typer.testing import CliRunner

from bench.api.datasets import examine_suite, recipe_of
from bench.api.run import open_suite, run_suite
from bench.cli import app
from bench.errors import UserError
from bench.suites.suite import load_suite, override
from synth.datasets.selection import choose
from synth.sources.bdd import open_bdd
from tests.synth.sources.layouts.trees import voc_object, voc_text, write_coco, write_map, write_text

FRAME = "GOPR0402/GOPR0402_frame_000010"


def write_photo(path: Path, size: tuple[int, int] = (48, 64)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Pillow.fromarray(pixels).resize(size[::-1]).save(path)


@pytest.fixture
def bdd(tmp_path: Path) -> Path:
    """Three rainy and four clear frames, one label map each way."""
    frames = []
    for number in range(7):
        write_photo(tmp_path / f"bdd/images/100k/val/f{number}.jpg", (720, 1280))
        box = {"category": "car", "box2d": {"x1": 1, "y1": 2, "x2": 30, "y2": 40}}
        weather = "rainy" if number % 2 else "clear"
        frames.append({"name": f"f{number}.jpg", "attributes": {"weather": weather}, "labels": [box]})
    write_text(tmp_path / "bdd/labels/det_20/det_val.json", json.dumps(frames))
    for number in (0, 1):
        write_photo(tmp_path / f"bdd/images/10k/val/f{number}.jpg", (720, 1280))
        write_map(tmp_path / f"bdd/labels/sem_seg/masks/val/f{number}.png", [0, 2], (720, 1280))
    return tmp_path / "bdd"


@pytest.fixture
def acdc(tmp_path: Path) -> Path:
    """One frame with boxes, a label map and a labelled reference frame."""
    root = tmp_path / "acdc"
    write_photo(root / f"rgb_anon/rain/val/{FRAME}_rgb_anon.png")
    write_photo(root / f"rgb_anon/rain/val_ref/{FRAME}_rgb_ref_anon.png")
    write_map(root / f"gt/rain/val/{FRAME}_gt_labelTrainIds.png", [0, 13])
    write_map(root / f"gt/rain/val_ref/{FRAME}_gt_ref_labelTrainIds.png", [0, 13])
    place = root / "gt_detection/rain/instancesonly_rain_val_gt_detection.json"
    write_coco(place, {1: f"rain/val/{FRAME}_rgb_anon.png"}, [(1, 1, 26, [1.0, 2.0, 30.0, 20.0])])
    return root


@pytest.fixture
def rid(tmp_path: Path) -> Path:
    """Two photographs, one of them turned after it was labelled."""
    for name, size in (("a", (48, 64)), ("turned", (64, 48))):
        write_photo(tmp_path / f"rid/JPEGImages/{name}.jpg")
        write_text(tmp_path / f"rid/Annotations/{name}.xml", voc_text(voc_object("car", (1, 1, 9, 9)), size=size))
    return tmp_path / "rid"


def test_the_doctor_of_bdd_rainy(bdd: Path) -> None:
    found = examine_suite(load_suite("bdd-rainy"), {"bdd": bdd})
    assert found.sources["source"].tolist() == ["bdd-rainy (bdd)", "bdd-clear (bdd)"]
    assert found.faults.empty


def test_as_many_clear_frames_as_rainy_ones_by_a_seed(bdd: Path) -> None:
    suite = load_suite("bdd-rainy")
    assert suite.datasets["bdd-rainy"].count == suite.datasets["bdd-clear"].count
    chosen = {}
    for name, config in suite.datasets.items():
        for seed in (1, 2, 1):
            policy = recipe_of(name, config.model_copy(update={"count": 3, "seed": seed}), bdd).policy
            chosen.setdefault(name, []).append(choose(open_bdd(bdd, dict(config.parameters)), policy))
    assert chosen["bdd-rainy"] == [("f1", "f3", "f5")] * 3
    assert chosen["bdd-clear"][0] == chosen["bdd-clear"][2] != chosen["bdd-clear"][1]
    assert all(set(ids) < {"f0", "f2", "f4", "f6"} for ids in chosen["bdd-clear"])


def test_rainy_frames_with_label_maps_are_chosen_by_another_files_facts(bdd: Path) -> None:
    source = open_bdd(bdd, {"labels": "sem_seg", "annotations": "labels/det_20/det_val.json"})
    config = load_suite("bdd-rainy").datasets["bdd-rainy"].model_copy(update={"count": None})
    assert choose(source, recipe_of("masks", config, bdd).policy) == ("f1",)
    assert source.load("f1").truth.label_map is not None


def test_the_doctor_of_acdc_rain(acdc: Path) -> None:
    found = examine_suite(load_suite("acdc-rain"), {"acdc": acdc})
    assert found.sources["source"].tolist() == [
        *("acdc-rain (layout)", "acdc-rain-masks (layout)", "acdc-reference (layout)"),
    ]
    assert found.sources["images"].tolist() == [1, 1, 1]
    assert found.faults.empty


def test_the_doctor_of_rid_ris(rid: Path) -> None:
    found = examine_suite(load_suite("rid-ris"), {"rid": rid, "ris": rid})
    assert found.faults["image"].tolist() == ["turned", "turned"]
    assert "labels for 48x64 pixels, the image has 64x48: one of them was turned" in found.faults["detail"].iloc[0]


@pytest.mark.parametrize(
    ("absent", "left"),
    [
        ("gt_detection", ["acdc-rain-masks", "acdc-reference"]),
        ("gt/rain/val_ref", ["acdc-rain", "acdc-rain-masks"]),
        ("gt", ["acdc-rain"]),
    ],
)
def test_what_was_not_unpacked_is_left_out(acdc: Path, absent: str, left: list[str]) -> None:
    (acdc / absent).rename(acdc / "elsewhere")
    opened = open_suite(load_suite("acdc-rain"), {"acdc": acdc})
    missing = opened.missing(layouts=True)
    assert all("not a folder of layout acdc" in reason for reason in missing.datasets.values())
    part = opened.without(missing)
    assert list(part.suite.datasets) == left
    assert part.roots == {"acdc": acdc}


def test_available_leaves_out_the_set_whose_folder_is_not_given(rid: Path, tmp_path: Path) -> None:
    missing = open_suite(load_suite("rid-ris"), {"rid": rid}).missing(layouts=True)
    assert list(missing.datasets) == ["ris-boxes"]
    (tmp_path / "empty").mkdir()
    none = open_suite(load_suite("rid-ris"), {"rid": tmp_path / "empty", "ris": tmp_path / "empty"})
    with pytest.raises(UserError, match=r"dataset rid-boxes: .*not a folder of layout rid"):
        none.without(none.missing(layouts=True))


def test_the_command_examines_a_suite(rid: Path) -> None:
    ran = CliRunner().invoke(app, ["doctor", "rid-ris", "--data", f"rid={rid}", "--data", f"ris={rid}", "--json"])
    assert ran.exit_code == 1
    assert len(json.loads(ran.stdout)["faults"]) == 2


@pytest.mark.slow
def test_a_whole_run_of_acdc_rain_without_what_was_not_unpacked(acdc: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (acdc / "gt_detection").rename(acdc / "elsewhere")
    suite = override(
        load_suite("acdc-rain"),
        derainers=["rain", "classical"],
        tasks=["semantic"],
        models={"semantic": "shipped:streets-unet"},
    )
    opened = open_suite(suite, {"acdc": acdc})
    part = opened.without(opened.missing(layouts=True))
    result = run_suite(part.suite, tmp_path / "run", roots=part.roots)
    assert result.failures == []
    found = {(record.dataset, record.derainer) for record in result.records if record.metric == "mIoU"}
    assert found == {(name, row) for name in ("acdc-rain-masks", "acdc-reference") for row in ("rain", "classical")}
    assert not list((tmp_path / "run").rglob("clean/*.png"))
