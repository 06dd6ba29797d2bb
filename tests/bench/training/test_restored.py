"""Training a small task model on what a row of a finished run restored, and judging that row by it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")

from bench.api.run import run_suite
from bench.api.verify import verify_run
from bench.errors import UserError
from bench.io.images import read_image
from bench.runs.records import read_records
from bench.suites.suite import parse_suite
from bench.training.restored import open_restored
from tests.bench.cli_call import Call

TINY = """
task = "detection"
network = "yolo"
steps = 3
batch = 2
every = 2
"""
SCENES = """
derainers = ["rain", "classical"]
resamples = 0
[datasets.train]
source = "streets"
parameters = { count = 4, split = "train", seed = 5, width = 96, height = 64 }
rain = "streets_y"
[datasets.held_out]
source = "streets"
parameters = { count = 3, split = "train", seed = 6, width = 96, height = 64 }
rain = "streets_y"
[tasks.quality]
metrics = ["psnr_y"]
"""
JUDGED = """
derainers = ["rain", "classical"]
resamples = 0
[datasets.streets]
source = "streets"
parameters = { count = 3, width = 96, height = 64 }
rain = "streets_y"
[tasks.detection]
model = "shipped:streets-yolo"
[retrained.detection]
classical = "trained:WEIGHTS"
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("restored") / "run"
    assert run_suite(parse_suite(SCENES, "scenes", "test suite"), out).failures == []
    return out


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    (tmp_path / "tiny.toml").write_text(TINY)
    return tmp_path / "tiny.toml"


def test_the_images_are_those_that_the_row_restored(run: Path) -> None:
    train, held_out = open_restored(run, "classical")
    assert (len(train.ids), len(held_out.ids)) == (4, 3)
    id = train.ids[0]
    photograph = train.load(id)
    assert (photograph.clean == read_image(run / f"restored/train/classical/{id}.png")).all()
    assert photograph.truth.instances is not None
    assert train.digest != open_restored(run, "rain")[0].digest


def test_a_model_trained_on_a_row_judges_that_row(call: Call, run: Path, tiny: Path, tmp_path: Path) -> None:
    done = call("train-task", str(tiny), "--restored", f"{run}:classical", "--out", "own", "--quiet")
    assert done.status == 0, done.error
    card = json.loads((tmp_path / "own/tiny-classical.json").read_text())
    assert card["training"]["scenes"]["images"] == "classical on train"
    assert card["quality"]["scenes"] == "classical on held_out"
    assert card["command"].endswith(":classical")
    assert str(tmp_path) not in json.dumps(card)
    weights = tmp_path / "own/tiny-classical.safetensors"
    run_suite(parse_suite(JUDGED.replace("WEIGHTS", str(weights)), "judged", "test suite"), tmp_path / "judged")
    own = [one for one in read_records(tmp_path / "judged") if one.task == "detection-retrained"]
    assert {(one.derainer, one.model) for one in own} == {("classical", "tiny-classical")}
    assert verify_run(tmp_path / "judged") == []


def test_a_training_goes_on_with_the_images_of_its_row_alone(call: Call, run: Path, tiny: Path) -> None:
    words = ("train-task", str(tiny), "--out", "own", "--quiet", "--restored")
    assert call(*words, f"{run}:classical").status == 0
    other = call(*words, f"{run}:rain")
    assert other.status == 2
    assert "another training" in other.error or "other settings" in other.error, other.error


@pytest.mark.parametrize(("row", "words"), [("clasical", "classical"), ("", "expected RUN:ROW")])
def test_a_row_that_is_not_there_is_refused(call: Call, run: Path, tiny: Path, row: str, words: str) -> None:
    done = call("train-task", str(tiny), "--restored", f"{run}:{row}", "--out", "own")
    assert done.status == 2
    assert words in done.error


def test_a_run_of_one_dataset_has_nothing_to_measure_on(tmp_path: Path) -> None:
    one = SCENES.partition("[datasets.held_out]")[0] + "[tasks.quality]\nmetrics = ['psnr_y']\n"
    run_suite(parse_suite(one, "one", "test suite"), tmp_path / "one")
    with pytest.raises(UserError, match="expected two datasets"):
        open_restored(tmp_path / "one", "classical")


def test_images_that_are_gone_are_named(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "copy")
    train, _ = open_restored(tmp_path / "copy", "classical")
    (tmp_path / f"copy/restored/train/classical/{train.ids[0]}.png").unlink()
    with pytest.raises(UserError, match="finish the run"):
        train.load(train.ids[0])
