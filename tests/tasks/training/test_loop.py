"""The loop: the same weights every time, stopped or not; averaged; refusing what cannot be right."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from bench.contract import Photograph  # noqa: E402
from bench.errors import UserError  # noqa: E402
from tasks.detection.backends.yolo_network import Yolo, YoloDesign  # noqa: E402
from tasks.training.loop import TaskModelJob, TrainableModel, batch_at, train  # noqa: E402
from tasks.training.settings import TaskModelSettings  # noqa: E402
from tasks.training.yolo import loss_of  # noqa: E402
from tests.stopped_training import StoppedError, stop_after  # noqa: E402

Squares = Callable[[int], list[Photograph]]


def job_of(folder: Path, photographs: list[Photograph], **changes: object) -> TaskModelJob:
    given = {"network": "yolo", "steps": 6, "batch": 2, "every": 3, "warm_up": 2, "average": 0.5}
    torch.manual_seed(0)
    network = Yolo(YoloDesign(2, channels=(8, 8, 8, 8, 8)))
    settings = TaskModelSettings.model_validate({**given, **changes})
    return TaskModelJob(settings, TrainableModel(network, loss_of), photographs, folder, "squares")


def weights_of(job: TaskModelJob) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in job.trainee.network.state_dict().items()}


def test_a_stopped_training_ends_with_the_same_weights(squares_of: Squares, tmp_path: Path) -> None:
    whole = job_of(tmp_path / "whole", squares_of(5))
    train(whole)
    stopped = job_of(tmp_path / "stopped", squares_of(5))
    with pytest.raises(StoppedError):
        train(stopped, stop_after(4))
    again = job_of(tmp_path / "stopped", squares_of(5))
    steps = []
    progress = train(again, lambda done, _: steps.append(done))
    assert steps == [4, 5, 6]
    assert [row["step"] for row in progress.log] == [3, 6]
    first, second = weights_of(whole), weights_of(again)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert (tmp_path / "whole/log.csv").read_text() == (tmp_path / "stopped/log.csv").read_text()


def test_seed_decides_the_weights(squares_of: Squares, tmp_path: Path) -> None:
    jobs = [job_of(tmp_path / str(place), squares_of(5), seed=seed) for place, seed in enumerate((0, 0, 1))]
    for job in jobs:
        train(job)
    same, other = ([torch.equal(weights_of(jobs[0])[n], v) for n, v in weights_of(job).items()] for job in jobs[1:])
    assert all(same)
    assert not all(other)


def test_kept_weights_are_the_moving_average(squares_of: Squares, tmp_path: Path) -> None:
    """By hand: the first average is the weights after step 1, then half of each."""
    seen = []
    job = job_of(tmp_path, squares_of(3), steps=3, every=9)
    name = "model.0.conv.weight"
    train(job, lambda *_: seen.append(job.trainee.network.state_dict()[name].clone()))
    by_hand = (seen[0] + seen[1]) / 2 / 2 + seen[2] / 2
    torch.testing.assert_close(weights_of(job)[name], by_hand)


def test_half_precision_trains_too(squares_of: Squares, tmp_path: Path) -> None:
    progress = train(job_of(tmp_path, squares_of(4), precision="bf16"))
    assert math.isfinite(progress.log[-1]["loss"])


def test_every_photograph_once_an_epoch(squares_of: Squares) -> None:
    photographs = squares_of(6)
    settings = TaskModelSettings(network="yolo", steps=9, batch=4)
    ids = [photograph.id for step in range(3) for photograph in batch_at(photographs, settings, step)]
    assert sorted(ids[:6]) == sorted(ids[6:]) == sorted(photograph.id for photograph in photographs)
    assert ids[:6] != ids[6:]


def test_another_trainings_checkpoint_is_refused(squares_of: Squares, tmp_path: Path) -> None:
    train(job_of(tmp_path, squares_of(3)))
    other = job_of(tmp_path, squares_of(3))
    with pytest.raises(UserError, match="belongs to a training with other settings"):
        train(TaskModelJob(other.settings, other.trainee, other.photographs, tmp_path, "circles"))


def test_a_damaged_checkpoint_is_refused(squares_of: Squares, tmp_path: Path) -> None:
    train(job_of(tmp_path, squares_of(3)))
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="not a readable checkpoint"):
        train(job_of(tmp_path, squares_of(3)))
    content = {"identity": "squares", "network": {}, "average": {}, "optimizer": {}, "log": [], "seconds": 0.0}
    torch.save(content, path)
    with pytest.raises(UserError, match="lacks"):
        train(job_of(tmp_path, squares_of(3)))


def test_a_loss_that_is_no_number_stops_the_training(squares_of: Squares, tmp_path: Path) -> None:
    job = job_of(tmp_path, squares_of(3))
    broken = TrainableModel(job.trainee.network, lambda *arguments: loss_of(*arguments) * float("nan"))
    with pytest.raises(UserError, match=r"step 3: the loss is nan; lower learning_rate"):
        train(TaskModelJob(job.settings, broken, job.photographs, tmp_path, "squares"))
    assert not (tmp_path / "checkpoint.pt").exists()
