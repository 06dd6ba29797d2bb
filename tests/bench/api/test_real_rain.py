"""Rain that is in the photographs: a run without clean images has the numbers of the run from which they were taken."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bench.api.run import open_suite, plan_run, run_suite
from bench.api.verify import verify_run
from bench.errors import UserError
from bench.runs.card import read_card
from bench.runs.records import read_records
from bench.scoring.intervals import paired_differences
from bench.suites.suite import Suite, parse_suite
from tests.bench.conftest import SUITE

ORDINARY = """
derainers = ["rain", "classical", "prenet-small", "clean"]
resamples = 50
[datasets.boxes]
source = "streets"
parameters = { count = 40 }
rain = "streets_y"
count = 10
tasks = ["detection"]
[datasets.maps]
source = "streets"
parameters = { count = 40 }
rain = "streets_y"
count = 10
tasks = ["semantic"]
[tasks.detection]
model = "shipped:streets-yolo"
[tasks.semantic]
model = "shipped:streets-unet"
"""
REAL = """
derainers = ["rain", "classical", "prenet-small"]
resamples = 50
[datasets.boxes]
source = "coco"
root = "boxes"
parameters = { annotations = "labels/instances.json", images = "rainy", space = "streets" }
rain = "real"
tasks = ["detection"]
[datasets.maps]
source = "folder"
root = "maps"
parameters = { images = "rainy", masks = "labels/semantic", space = "cityscapes" }
rain = "real"
tasks = ["semantic"]
[tasks.detection]
model = "shipped:streets-yolo"
[tasks.semantic]
model = "shipped:streets-unet"
"""
PHOTOS = SUITE.replace('"coco350_y"', '"real"').replace(', "clean"', "")

Gain = tuple[float, float, float, float, int]


def suite_of(text: str) -> Suite:
    return parse_suite(text, "test", "suite.toml")


def gains_of(run: Path) -> dict[tuple[str, str, str], Gain]:
    """Every metric's gain over the rain with its interval, p and images, by dataset, row and metric."""
    rows = [name for name in read_card(run).rows if name not in ("rain", "clean")]
    return {
        (one.first.dataset, one.first.derainer, one.first.metric): (
            one.value, one.ends.low, one.ends.high, one.p, one.images,
        )
        for one in paired_differences(run, read_records(run), [(row, "rain") for row in rows])
        if "pseudo_gt" not in one.first.metric
    }  # fmt: skip


def put_away(dataset: Path, folder: Path) -> Path:
    """Keep of a rained dataset what somebody in the rain would bring home: photographs and their labels."""
    for place in ("rainy", "labels"):
        shutil.copytree(dataset / place, folder / place)
    classes = json.loads((dataset / "card.json").read_text())["classes"]["labels"]
    if classes:
        lines = [f"{id},{name}" for id, name in zip(classes["ids"], classes["names"], strict=True)]
        (folder / "classes.csv").write_text("\n".join(["id,name", *lines]) + "\n")
    return folder


@pytest.mark.slow
def test_gains_without_clean_images_are_those_of_the_ordinary_run(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    assert run_suite(suite_of(ORDINARY), tmp_path / "ordinary").failures == []
    roots = {name: put_away(tmp_path / "ordinary/data" / name, tmp_path / name) for name in ("boxes", "maps")}
    assert run_suite(suite_of(REAL), tmp_path / "real", roots=roots).failures == []
    found = gains_of(tmp_path / "real")
    assert found == gains_of(tmp_path / "ordinary")
    assert {("boxes", "prenet-small", "AP"), ("maps", "classical", "mIoU")} <= found.keys()
    assert verify_run(tmp_path / "real") == []
    assert not list((tmp_path / "real/data").rglob("clean/*.png"))


def test_rows_of_clean_images_are_refused_before_any_work(photos: Path, tmp_path: Path) -> None:
    for row in ("clean", "clean+classical"):
        suite = suite_of(PHOTOS.replace('"classical"', f'"classical", "{row}"'))
        with pytest.raises(UserError, match=r"row clean.*: dataset photos has no clean images.*--derainers.*--gain"):
            open_suite(suite, {"photos": photos})
    assert not (tmp_path / "out").exists()


def test_what_compares_with_clean_images_is_refused_with_what_to_ask_instead(photos: Path, tmp_path: Path) -> None:
    expected = r'task quality: dataset photos has no clean images.*--tasks.*metrics = \["niqe", "sseq"\]'
    with pytest.raises(UserError, match=expected):
        plan_run(open_suite(suite_of(PHOTOS), {"photos": photos}), tmp_path / "out")
    with pytest.raises(UserError, match=expected):
        run_suite(suite_of(PHOTOS), tmp_path / "out", roots={"photos": photos})
    assert not (tmp_path / "out").exists()


def test_a_set_of_real_rain_refuses_them_too(photos: Path, tmp_path: Path) -> None:
    text = PHOTOS.replace('source = "folder"', 'source = "pairs"').replace('rain = "real"\n', "")
    text = text.replace('images = "images"\nmasks = "masks"', 'set = "real200"').replace('"classical"', '"clean"')
    (photos / "images").rename(photos / "input")
    with pytest.raises(UserError, match="row clean: dataset photos has no clean images, because its rain is real"):
        plan_run(open_suite(suite_of(text), {"photos": photos}), tmp_path / "out")


@pytest.mark.shared
def test_qualities_that_need_no_clean_image(photos: Path, tmp_path: Path, shared: Path) -> None:
    from bench.contract import Options

    suite = suite_of(PHOTOS + 'metrics = ["niqe", "sseq"]\n')
    weights = Options(offline=True, weights_dirs=(shared / "models/niqe", shared / "models/sseq"))
    result = run_suite(suite, tmp_path / "out", roots={"photos": photos}, options=weights)
    assert {record.metric for record in result.records} <= {"niqe", "sseq"}
    assert result.failures == []
