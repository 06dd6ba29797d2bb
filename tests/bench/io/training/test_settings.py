"""The schedule of every training, and the identities of trainings that earlier versions began."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from pydantic import ValidationError

from bench.io.training.settings import TrainingSettings, identity_in_todays_words, rate_at


def settings(**changes: object) -> TrainingSettings:
    return TrainingSettings.model_validate(
        {"network": "any", "steps": 1000, "batch": 4, "learning_rate": 0.1} | changes
    )


def test_the_cosine_rises_linearly_and_falls_to_the_floor() -> None:
    made = settings(warm_up=99, floor=0.001)
    rates = [rate_at(made, step) for step in range(1000)]
    assert rates[0] == pytest.approx(0.001)
    assert np.argmax(rates) in (99, 100)
    assert max(rates) == pytest.approx(0.1)
    assert rates[99:] == sorted(rates[99:], reverse=True)
    assert rates[99 + 450] == pytest.approx((0.1 + 0.001) / 2, rel=0.01)
    assert 0.001 < rates[-1] < 0.00101


def test_halving_stops_at_the_floor() -> None:
    made = settings(schedule="halving", halve_every=100, floor=0.02)
    assert [rate_at(made, step) for step in (0, 99, 100, 250, 900)] == [0.1, 0.1, 0.05, 0.025, 0.02]


@pytest.mark.parametrize("schedule", ["cosine", "halving"])
def test_the_floor_is_a_fiftieth_of_the_highest_rate_unless_given(schedule: str) -> None:
    for highest in (0.1, 2e-3):
        made = settings(schedule=schedule, halve_every=10, learning_rate=highest)
        assert rate_at(made, 999) == pytest.approx(highest / 50, rel=1e-3)


def test_a_floor_above_the_highest_rate_is_refused_as_the_share_that_it_may_be_meant_as() -> None:
    with pytest.raises(ValidationError, match=r"floor: 0.02 is above learning_rate 0.002; .*no share"):
        settings(learning_rate=2e-3, floor=0.02)


@pytest.mark.parametrize(("highest", "steps", "warm_up"), [(2e-3, 4000, 200), (1.5e-3, 7000, 200), (2e-3, 7000, 200)])
def test_the_shipped_task_models_would_be_trained_with_the_same_updates(
    highest: float, steps: int, warm_up: int
) -> None:
    """AdamW's float32 factors of every step, with the schedule of the version that trained the shipped weights."""
    made = settings(learning_rate=highest, steps=steps, warm_up=warm_up)
    for step in range(steps):
        before, now = _rate_when_the_floor_was_a_share(highest, steps, warm_up, step), rate_at(made, step)
        correction = 1 - 0.9 ** (step + 1)
        assert np.float32(before / correction) == np.float32(now / correction)
        assert np.float32(1 - before * 0.01) == np.float32(1 - now * 0.01)


def _rate_when_the_floor_was_a_share(highest: float, steps: int, warm_up: int, step: int) -> float:
    if step < warm_up:
        return highest * (step + 1) / (warm_up + 1)
    done = (step - warm_up) / max(1, steps - warm_up)
    return highest * (0.02 + (1 - 0.02) * 0.5 * (1 + math.cos(math.pi * done)))


TASK_MODEL = {"network": "yolo", "floor": 0.02, "learning_rate": 0.5, "precision": "fp32", "task": "detection"}


@pytest.mark.parametrize(
    ("before", "today"),
    [
        (TASK_MODEL, TASK_MODEL | {"floor": None, "schedule": "cosine", "halve_every": 20_000}),
        (TASK_MODEL | {"floor": 0.5}, TASK_MODEL | {"floor": 0.25, "schedule": "cosine", "halve_every": 20_000}),
        (
            TASK_MODEL | {"precision": "32-true"},
            TASK_MODEL | {"floor": None, "schedule": "cosine", "halve_every": 20_000},
        ),
        ([{"precision": "bf16-mixed"}, {"training": {}}], [{"precision": "bf16"}, {"training": {}}]),
    ],
)
def test_earlier_identities_are_put_into_todays_words(before: object, today: object) -> None:
    assert identity_in_todays_words(json.dumps(before, sort_keys=True)) == json.dumps(today, sort_keys=True)


@pytest.mark.parametrize(
    "identity",
    [
        "squares",
        "None",
        "[" * 100_000,
        '{"floor": 0.02}',
        '{"floor": "0.02", "learning_rate": []}',
        json.dumps(TASK_MODEL | {"schedule": "halving", "floor": None}, sort_keys=True),
    ],
)
def test_other_identities_stay_as_they_are(identity: str) -> None:
    assert identity_in_todays_words(identity) == identity
