"""Plans of steps that fit into a time: the arithmetic, the measuring, and what is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.errors import UserError
from bench.io.training.plan import (
    TrainingPlan,
    TrainingSpeed,
    kept_plan,
    measuring_seconds,
    plan_within,
    speed_of,
    steps_within,
)

SPEED = TrainingSpeed(seconds_to_start=5.0, seconds_a_step=0.5, seconds_a_check=2.0, timed_steps=20)
PLAN = TrainingPlan(10.0, 1000, SPEED)


class Clock:
    """A clock that goes as a training does: the first step takes 5 s, others 0.5 s, a check 2 s."""

    def __init__(self) -> None:
        self.now = 100.0
        self.steps: list[int] = []

    def __call__(self) -> float:
        return self.now

    def update(self, step: int) -> float:
        self.steps.append(step)
        self.now += 0.5 if step else 5.0
        return 0.1

    def check(self) -> None:
        self.now += 2.0


def test_the_speed_is_that_of_the_steps_after_a_warm_up() -> None:
    clock = Clock()
    assert speed_of(clock.update, clock.check, 15.0, clock) == SPEED
    assert clock.steps == list(range(1 + 10 + 20))


def test_slow_steps_are_timed_all_the_same() -> None:
    clock = Clock()
    assert speed_of(clock.update, clock.check, 0.1, clock).timed_steps == 3


@pytest.mark.parametrize("every", [1, 7, 250])
@pytest.mark.parametrize("seconds", [30.0, 600.0])
def test_the_steps_fill_the_time_and_do_not_exceed_it(seconds: float, every: int) -> None:
    def spent(steps: int) -> float:
        return 5.0 + 0.5 * (steps - 1) + 2.0 * -(-steps // every)

    steps = steps_within(seconds, SPEED, every)
    assert spent(steps) <= seconds
    assert spent(steps + 1) > seconds - 0.5 - 2.0 - 2.0 / every


def test_measuring_counts() -> None:
    clock = Clock()
    plan = plan_within(5.0, 100, lambda seconds: speed_of(clock.update, clock.check, seconds, clock), clock)
    measured = clock.now - 100.0
    assert plan.steps == steps_within(300.0 - measured, plan.speed, 100)
    assert [measuring_seconds(minutes) for minutes in (1.0, 5.0, 600.0)] == [3.0, 15.0, 60.0]


def test_a_time_without_a_step_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"--minutes 0\.1: no step fits: measuring took 0\.\d s, starting takes 5\.0 s, a step 0\.5 s"
    ):
        plan_within(0.1, 100, lambda _: SPEED)


def test_a_plan_is_made_once(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> TrainingPlan:
        made.append(1)
        return PLAN

    assert [kept_plan(tmp_path, "streets", 10.0, make) for _ in range(2)] == [PLAN, PLAN]
    assert made == [1]
    for identity, minutes in (("coco", 10.0), ("streets", 20.0)):
        with pytest.raises(UserError, match=r"plan\.json: plans 10 minutes"):
            kept_plan(tmp_path, identity, minutes, make)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        "[" * 100_000,
        json.dumps({"training": "streets", "plan": {"minutes": 10, "steps": 0, "speed": {}}}),
        json.dumps({"training": "streets", "plan": []}),
    ],
)
def test_damaged_plans_are_refused_by_name(text: str, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(UserError, match=r"plan\.json: "):
        kept_plan(tmp_path, "streets", 10.0, lambda: PLAN)
