"""Training a task model from its configuration to a card, by the library and by the command."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

pytest.importorskip("torch")

from bench.cli import app
from bench.errors import UserError
from bench.io.checkpoints import read_checkpoint
from bench.io.files import sha256_of
from bench.training.task_models import (
    draw_scenes,
    load_task_training,
    plan_task_model,
    task_training_names,
    train_task_model,
)
from tasks.training.networks import NETWORKS
from tasks.training.settings import TaskModelSettings

TINY = """
task = "detection"
network = "yolo"
steps = 3
batch = 2
every = 2
[scenes]
parameters = { count = 4, split = "train", seed = 5, width = 96, height = 64 }
held_out = { count = 3, split = "val", seed = 6, ignored_area = 40 }
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


def test_the_command_trains_measures_and_can_be_used(tiny: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["train-task", str(tiny), "--out", str(tmp_path / "out"), "--steps", "4"])
    assert done.exit_code == 0, done.output
    card = json.loads((tmp_path / "out/tiny.json").read_text())
    assert card["sha256"] == sha256_of(tmp_path / "out/tiny.safetensors")
    assert card["command"].startswith("derainbench train-task tiny")
    assert card["steps"] == 4
    assert card["training"]["scenes"]["parameters"]["seed"] == 5
    assert len(card["classes"]) == card["design"]["classes"] == 8
    assert [row["step"] for row in card["log"]] == [2, 4]
    assert "AP50" in card["quality"]
    assert '"seed": 6' in card["quality"]["scenes"]


def test_equal_trainings_give_equal_weights(tiny: Path, tmp_path: Path) -> None:
    training = load_task_training(str(tiny))
    scenes = draw_scenes(training)
    assert [scene.depth for scene in scenes.photographs] == [None] * 4
    digests = [train_task_model(training, tmp_path / name, scenes)["sha256"] for name in ("first", "second")]
    assert digests[0] == digests[1]


def test_minutes_are_planned_and_stand_in_the_card(tiny: Path, tmp_path: Path) -> None:
    training = load_task_training(str(tiny))
    scenes = draw_scenes(training)
    plan = plan_task_model(training, tmp_path / "out", scenes, 5.0)
    assert plan_task_model(training, tmp_path / "out", scenes, 5.0) == plan
    assert plan.steps == pytest.approx(300 / plan.speed.seconds_a_step, rel=0.9)
    short = replace(plan, steps=2)
    card = train_task_model(training, tmp_path / "out", scenes, plan=short)
    assert (card["plan"], card["steps"]) == (asdict(short), 2)
    by_steps = train_task_model(load_task_training(str(tiny), {"steps": 2}), tmp_path / "by steps", scenes)
    assert card["sha256"] == by_steps["sha256"]


def test_a_training_starts_from_other_weights_and_says_so(tiny: Path, tmp_path: Path) -> None:
    training = load_task_training(str(tiny), {"learning_rate": 1e-9, "precision": "fp32"})
    scenes = draw_scenes(training)
    first = train_task_model(load_task_training(str(tiny)), tmp_path / "first", scenes)
    start = tmp_path / "first/tiny.safetensors"
    card = train_task_model(training, tmp_path / "second", scenes, start=start)
    assert card["start"] == f"tiny.safetensors, sha256 {first['sha256']}"
    assert card["started_from"]["log"] == first["log"]
    assert str(card["command"]).endswith("--start tiny.safetensors")
    start.with_suffix(".json").write_text("{")
    with pytest.raises(UserError, match=r"tiny\.json: damaged card"):
        train_task_model(training, tmp_path / "third", scenes, start=start)
    assert not (tmp_path / "third").exists()  # told before the training, not after it
    before, after = (read_checkpoint(tmp_path / name / "tiny.safetensors") for name in ("first", "second"))
    weights = [name for name in before if name.endswith("weight")]
    assert all((before[name] - after[name]).abs().max() < 1e-3 for name in weights)


def test_a_training_that_an_earlier_version_began_goes_on(tiny: Path, tmp_path: Path) -> None:
    """Its identity gives the floor as a share of the learning rate, and no schedule."""
    import torch

    training = load_task_training(str(tiny))
    scenes = draw_scenes(training)
    train_task_model(training, tmp_path, scenes)
    content = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    settings = json.loads(content["identity"])
    earlier = {name: value for name, value in settings.items() if name not in ("schedule", "halve_every")}
    content["identity"] = json.dumps({**earlier, "floor": 0.02}, sort_keys=True)
    torch.save(content, tmp_path / "checkpoint.pt")
    steps: list[int] = []
    train_task_model(training, tmp_path, scenes, lambda done, _: steps.append(done))
    assert steps == []
    content["identity"] = json.dumps({**earlier, "floor": 0.03}, sort_keys=True)
    torch.save(content, tmp_path / "checkpoint.pt")
    with pytest.raises(UserError, match="belongs to a training with other settings"):
        train_task_model(training, tmp_path, scenes)


def test_settings_know_the_networks_that_can_be_trained() -> None:
    assert set(get_args(TaskModelSettings.model_fields["network"].annotation)) == set(NETWORKS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('network = "yolo"', "network: Field required"),
        ("steps = 3", "steps: Field required"),
        ('task = "detection"', "task: Field required"),
    ],
)
def test_what_is_missing_is_named(tiny: Path, change: str, message: str) -> None:
    tiny.write_text(TINY.replace(change, ""))
    with pytest.raises(UserError, match=message):
        load_task_training(str(tiny))


def test_what_does_not_exist_is_refused(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Did you mean streets-yolo"):
        load_task_training("street-yolo")
    with pytest.raises(UserError, match="no such file"):
        load_task_training("nothing.toml")
    with pytest.raises(UserError, match=r"network: Input should be 'maskrcnn', 'unet' or 'yolo'"):
        load_task_training(str(tiny), {"network": "resnet"})


@pytest.mark.parametrize("name", task_training_names())
def test_built_in_trainings_keep_away_from_the_suites_scenes(name: str) -> None:
    """The suite shows split val, seed 0; training and measuring use others, and never each other's."""
    scenes = load_task_training(name).scenes
    trained = scenes.parameters.get("split"), scenes.parameters.get("seed", 0)
    measured = {**scenes.parameters, **scenes.held_out}.get("split"), {**scenes.parameters, **scenes.held_out}["seed"]
    assert len({trained, measured, ("val", 0)}) == 3
