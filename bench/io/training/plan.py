"""Plan how many steps of a training fit into a time, from the measured speed; the plan is kept for resumption."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, SupportsFloat

from pydantic import Field, TypeAdapter, ValidationError

from bench.errors import UserError, faults_of
from bench.io.files import key_of, read_json, write_json

_PLAN = "plan.json"

_MEASURED_SHARE, _MOST_SECONDS = 0.05, 60.0
"""Measuring takes this share of the time, and no longer than this."""
_LEAST_STEPS = 3
"""So many steps warm up, and so many are timed, however slow they are."""


@dataclass(frozen=True)
class TrainingSpeed:
    """How fast a training goes.

    Attributes:
        seconds_to_start: Until the end of the first step: loaders start, libraries and compilers warm up.
        seconds_a_step: Of the steps after it, batches included.
        seconds_a_check: Of one validation and checkpoint.
        timed_steps: Number of steps that were timed.
    """

    seconds_to_start: float
    seconds_a_step: float
    seconds_a_check: float
    timed_steps: int


@dataclass(frozen=True)
class TrainingPlan:
    """A training that is to end in a given time.

    Attributes:
        minutes: Time of the training with the measuring, without the measuring of quality after the last step.
        steps: Steps that fit.
        speed: The speed from which they follow.
    """

    minutes: float
    steps: Annotated[int, Field(ge=1)]
    speed: TrainingSpeed


@dataclass(frozen=True)
class _Kept:
    """What ``plan.json`` holds: the plan, and the key of all that decides the result but the number of steps."""

    training: str
    plan: TrainingPlan


def measuring_seconds(minutes: float) -> float:
    """Compute how many seconds of a training of so many minutes go into measuring its speed."""
    return min(_MOST_SECONDS, _MEASURED_SHARE * 60 * minutes)


def speed_of(
    update: Callable[[int], SupportsFloat],
    check: Callable[[], object],
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> TrainingSpeed:
    """Time the first steps of a training and one check, in seconds.

    Args:
        update: Does one step; its loss, turned into a number, waits for the device.
        check: Validates and writes a checkpoint.
        seconds: About how long steps are done: a third of it to warm up, the rest is timed.
        clock: Tells the time in seconds.
    """
    began = clock()
    float(update(0))
    started = clock()
    done = _go_on(update, 1, started + seconds / 3, clock)
    warm = clock()
    last = _go_on(update, done, warm + seconds * 2 / 3, clock)
    timed = clock()
    check()
    return TrainingSpeed(started - began, (timed - warm) / (last - done), clock() - timed, last - done)


def _go_on(update: Callable[[int], SupportsFloat], step: int, until: float, clock: Callable[[], float]) -> int:
    """Do steps until a time, three at least; wait for the device; return the number of the next step."""
    least = step + _LEAST_STEPS
    loss: SupportsFloat = 0.0
    while step < least or clock() < until:
        loss = update(step)
        step += 1
    float(loss)
    return step


def steps_within(seconds: float, speed: TrainingSpeed, every: int) -> int:
    """Compute how many steps, with a check after every few and after the last, fit into some seconds; may be 0."""
    left = seconds - speed.seconds_to_start - speed.seconds_a_check
    return max(0, int(left / (speed.seconds_a_step + speed.seconds_a_check / every)))


def plan_within(
    minutes: float, every: int, measure: Callable[[float], TrainingSpeed], clock: Callable[[], float] = time.monotonic
) -> TrainingPlan:
    """Measure the speed of one training and plan its steps; measuring is part of the minutes.

    Args:
        minutes: Time of the training.
        every: Steps between two checks.
        measure: Measures the speed in about so many seconds.
        clock: Tells the time in seconds.

    Raises:
        UserError: No step fits.
    """
    began = clock()
    speed = measure(measuring_seconds(minutes))
    spent = clock() - began
    steps = steps_within(60 * minutes - spent, speed, every)
    if not steps:
        raise UserError(
            f"--minutes {minutes:g}: no step fits: measuring took {spent:.1f} s, starting takes "
            f"{speed.seconds_to_start:.1f} s, a step {speed.seconds_a_step:.1f} s, a check "
            f"{speed.seconds_a_check:.1f} s. Give more minutes"
        )
    return TrainingPlan(minutes, steps, speed)


def kept_plan(folder: Path, identity: str, minutes: float, make: Callable[[], TrainingPlan]) -> TrainingPlan:
    """Read ``plan.json`` of one training's folder; without it make the plan and keep it there.

    Args:
        folder: Folder of the training.
        identity: All that decides the result but the number of steps, as text.
        minutes: Time of the training.
        make: Makes the plan.

    Raises:
        UserError: The plan is damaged, or is that of another training or time.
    """
    path, training = folder / _PLAN, key_of(identity)
    if not path.exists():
        plan = make()
        write_json(path, asdict(_Kept(training, plan)))
        return plan
    content = read_json(path)
    try:
        kept = TypeAdapter(_Kept).validate_python(content)
    except ValidationError as error:
        raise UserError(f"{path}: no plan of a training ({faults_of(error)}); remove it and start again") from error
    if kept.training != training or kept.plan.minutes != minutes:
        raise UserError(
            f"{path}: plans {kept.plan.minutes:g} minutes, perhaps with other settings or photographs; give the same "
            "command again to go on, or choose another --out"
        )
    return kept.plan
