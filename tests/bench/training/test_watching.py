"""Task scores while a derainer is trained: labelled photographs, the score, the best weights and what cards say."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

import torch
from safetensors.torch import load_file

from bench.contract import Image, Options
from bench.errors import UserError
from bench.io.training.origin import trained_on
from bench.training.derainers import Material, load_training, plan_derainer, train_derainer
from bench.training.watching import WATCHED, Watched, baseline_of, evenly_taken, open_watch, watched_from
from derainers.trained import trained_file
from synth.datasets.build import open_builder
from synth.datasets.recipe import Recipe
from tests.bench.cli_call import Call
from tests.stopped_training import StoppedError, stop_after

MODELS = {"detection": "shipped:streets-yolo", "semantic": "shipped:streets-unet"}
TINY = """
network = "prenet-small"
steps = 4
batch = 2
crop = 16
every = 2
learning_rate = 1e-3
"""


@pytest.fixture(scope="session")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three drawn, labelled streets in the rain, as ``derainbench build`` makes them."""
    folder = tmp_path_factory.mktemp("watched") / "streets"
    recipe = Recipe("streets", "streets", parameters={"count": 3, "height": 96, "width": 160}, rain="streets_y")
    builder = open_builder(recipe, folder)
    assert not builder.render(builder.ids)
    builder.finish()
    return folder


@pytest.fixture
def material(photographs: Path) -> Material:
    """Three small photographs, watched by nobody."""
    return Material([photographs])


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A training of four steps with two checkpoints."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


def as_it_is(rainy: Image) -> Image:
    return rainy


@pytest.mark.parametrize(("task", "metric"), [("detection", "AP"), ("semantic", "mIoU")])
def test_the_score_is_the_tasks_main_one_and_worse_in_the_rain(task: str, metric: str, streets: Path) -> None:
    score = open_watch(Watched(task, MODELS[task], streets), Options())
    assert score.metric == metric
    found = baseline_of(score)
    assert found == {"rain": round(score(as_it_is), 2), "clean": round(score.clean(), 2)}
    assert 0 < found["rain"] < found["clean"] <= 100
    assert score(np.zeros_like) < found["rain"]


def test_the_model_leaves_threads_and_random_states_alone(streets: Path) -> None:
    before = torch.get_rng_state(), torch.get_num_threads()
    open_watch(Watched("detection", MODELS["detection"], streets), Options())(as_it_is)
    after = torch.get_rng_state(), torch.get_num_threads()
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


def test_photographs_are_few_and_evenly_taken(streets: Path) -> None:
    score = open_watch(Watched("semantic", MODELS["semantic"], streets), Options())
    assert tuple(score.ids) == score.dataset.ids
    many = [f"{number:03d}" for number in range(4 * WATCHED)]
    assert evenly_taken(many, WATCHED) == many[::4]
    assert evenly_taken("abcde", 2) == ["a", "c"]


def test_the_best_weights_lie_beside_the_last_which_are_those_without_a_watch(
    tiny: Path, material: Material, streets: Path, tmp_path: Path
) -> None:
    training = load_training(str(tiny))
    plain = train_derainer(training, material, tmp_path / "plain")
    watched = dataclasses.replace(material, watched=Watched("semantic", MODELS["semantic"], streets))
    card = train_derainer(training, watched, tmp_path / "out")
    assert card["sha256"] == plain["sha256"]
    assert "watch" not in plain
    best = json.loads((tmp_path / "out/tiny-best.json").read_text())
    watch = card["watch"]
    assert best["watch"] == watch
    assert (best["name"], best["file"], watch["best"]["file"]) == ("tiny-best", *["tiny-best.safetensors"] * 2)
    scores = {row["step"]: row["mIoU"] for row in card["log"]}
    step = max(scores, key=lambda at: scores[at])
    assert (best["steps"], watch["best"]["score"]) == (step, round(scores[step], 2))
    assert (watch["model"], watch["metric"], watch["set"]) == ("streets-unet", "mIoU", "streets")
    assert watch["photographs"] == ["val-00000", "val-00001", "val-00002"]
    assert watch["rain"] < watch["clean"]
    assert f"--watch semantic=shipped:streets-unet --watch-on {streets.parent.name}/streets" in card["command"]
    assert str(streets.parent.parent) not in (tmp_path / "out/tiny-best.json").read_text()
    told = trained_on(tmp_path / "out/tiny-best.safetensors")
    assert told
    assert told.watched == ("3 photographs of streets",)
    again = open_watch(watched.watched, Options())(trained_file(str(tmp_path / "out/tiny-best.safetensors"), Options()))
    assert again == pytest.approx(scores[step], abs=1)  # the file is in half precision


def test_a_stopped_training_goes_on_with_the_same_watch_alone(
    tiny: Path, material: Material, streets: Path, tmp_path: Path
) -> None:
    training, out = load_training(str(tiny)), tmp_path / "out"
    watched = dataclasses.replace(material, watched=Watched("semantic", MODELS["semantic"], streets))
    whole = train_derainer(training, watched, tmp_path / "whole")
    with pytest.raises(StoppedError):
        train_derainer(training, watched, out, after_step=stop_after(3))
    for other in (None, Watched("detection", MODELS["detection"], streets)):
        with pytest.raises(UserError, match="other settings or photographs"):
            train_derainer(training, dataclasses.replace(material, watched=other), out)
    card = train_derainer(training, watched, out)
    assert (card["log"], card["watch"], card["sha256"]) == (whole["log"], whole["watch"], whole["sha256"])
    ours, theirs = (load_file(folder / "tiny-best.safetensors") for folder in (out, tmp_path / "whole"))
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_a_check_of_a_plan_is_timed_with_the_watch(
    tiny: Path, material: Material, streets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = load_training(str(tiny), {"schedule": "cosine"})
    watched = dataclasses.replace(material, watched=Watched("semantic", MODELS["semantic"], streets))
    looks: list[float] = []
    monkeypatch.setattr("bench.training.watching.TaskScore.__call__", lambda *_: looks.append(1.0) or 1.0)
    plan_derainer(training, watched, tmp_path / "out", 1.0)
    assert len(looks) == 2  # in the rain, and once to be timed


@pytest.mark.parametrize(
    ("text", "folder", "message"),
    [
        ("detection=shipped:streets-yolo", None, "--watch-on is missing"),
        ("", Path("streets"), "--watch is missing"),
        ("detection", Path("streets"), "expected TASK=BACKEND:CHECKPOINT"),
        ("detection=", Path("streets"), "expected TASK=BACKEND:CHECKPOINT"),
        ("detektion=shipped:streets-yolo", Path("streets"), "'detektion'. Did you mean detection"),
        ("quality=shipped:streets-yolo", Path("streets"), "no task with a model is called 'quality'"),
    ],
)
def test_options_that_ask_for_no_watch_are_refused(text: str, folder: Path | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        watched_from(text, folder)


def test_the_options_of_the_command_are_read_and_written_without_whose_machine(tmp_path: Path) -> None:
    assert watched_from("", None) is None
    watched = watched_from(f"detection=ultralytics:{tmp_path}/yolov8n.pt", tmp_path / "run/data/coco")
    assert watched == Watched("detection", f"ultralytics:{tmp_path}/yolov8n.pt", tmp_path / "run/data/coco")
    assert watched.options() == {"watch": "detection=ultralytics:yolov8n.pt", "watch-on": "data/coco"}
    mine = Watched("semantic", f"{tmp_path}/mine.py:build", tmp_path / "a/b")
    assert mine.options()["watch"] == "semantic=mine.py:build"


@pytest.mark.parametrize(
    ("task", "model", "message"),
    [
        ("detection", "shipped:streets-yolov9", "streets-yolo"),
        ("detection", "yolov8n", "expected .*CHECKPOINT"),
        ("semantic", "shipped:streets-yolo", "semantic"),
    ],
)
def test_models_that_cannot_watch_are_refused(task: str, model: str, message: str, streets: Path) -> None:
    with pytest.raises(UserError, match=message):
        open_watch(Watched(task, model, streets), Options())


def test_datasets_that_cannot_be_watched_are_refused(streets: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no finished dataset"):
        open_watch(Watched("semantic", MODELS["semantic"], tmp_path), Options())
    score = open_watch(Watched("semantic", MODELS["semantic"], streets), Options())
    blank = dataclasses.replace(score.task, scored=())
    with pytest.raises(UserError, match="none of 3 photographs has a label that counts for task semantic"):
        baseline_of(dataclasses.replace(score, task=blank))
    shutil.copytree(streets, tmp_path / "damaged")
    next((tmp_path / "damaged/rainy").glob("*.png")).write_bytes(b"\x89PNG nothing")
    damaged = open_watch(Watched("semantic", MODELS["semantic"], tmp_path / "damaged"), Options())
    with pytest.raises(UserError, match=r"--watch-on .*damaged"):
        damaged(as_it_is)


def test_without_clean_images_there_is_no_upper_score(streets: Path, tmp_path: Path) -> None:
    score = open_watch(Watched("semantic", MODELS["semantic"], streets), Options())
    rows = {id: dataclasses.replace(row, clean_sha256="") for id, row in score.dataset.rows.items()}
    real = dataclasses.replace(score, dataset=dataclasses.replace(score.dataset, rows=rows))
    assert math.isnan(real.clean())
    assert list(baseline_of(real)) == ["rain"]


def test_the_command_tells_which_weights_see_best(call: Call, streets: Path, material: Material, tiny: Path) -> None:
    words = ["train", tiny, "--photographs", material.photographs[0], "--out", "out", "--device", "cpu", "--steps", 1]
    done = call(*words, "--watch", "detection=shipped:streets-yolo", "--watch-on", streets)
    assert done.status == 0, done.error
    assert "tiny-best.safetensors sees best: AP " in done.out
    assert "after step 1" in done.out
    assert ", AP " in Path("out/train.log").read_text()
    refused = call(*words, "--watch", "detection=shipped:streets-yolo")
    assert (refused.status, "--watch-on is missing" in refused.error) == (2, True)
