"""Settings that every training shares, and the learning rate of each step."""

from __future__ import annotations

import json
import math
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

BatchSize = Annotated[int, Field(ge=1, le=4096)]
LearningRate = Annotated[float, Field(gt=0, le=1)]
Floor = Annotated[float, Field(ge=0, le=1)]
Schedule = Literal["halving", "cosine"]

_FLOOR_SHARE = 0.02
"""The floor, as a share of the highest learning rate, where settings name none."""


class TrainingSettings(BaseModel):
    """Settings of one training, apart from its images; equal settings and images give equal weights on one machine.

    Attributes:
        network: Name of the network.
        steps: Updates of the weights.
        batch: Images or crops a step, over all devices together.
        learning_rate: The optimiser's learning rate at its highest.
        schedule: ``halving`` every ``halve_every`` steps, or ``cosine`` from ``learning_rate`` to ``floor``.
        halve_every: Steps until the learning rate is halved; without effect on ``cosine``.
        floor: Least learning rate, a rate like ``learning_rate``; None for a fiftieth of ``learning_rate``.
        warm_up: Steps over which the learning rate rises linearly from zero.
        clip: Largest norm of the gradient; 0 for no limit.
        every: Steps between two rows of the log, validations and checkpoints.
        seed: Seed of the first weights, of the order of images and of all that is drawn at random.
        precision: ``fp32``, or ``bf16`` for convolutions in bfloat16 (weights stay float32).
        compile: True compiles the network first: a minute and a C++ compiler for nearly twice the speed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    network: str
    steps: int = Field(ge=1)
    batch: BatchSize
    learning_rate: LearningRate
    schedule: Schedule = "cosine"
    halve_every: int = Field(default=20_000, ge=1)
    floor: Floor | None = None
    warm_up: int = Field(default=0, ge=0)
    clip: float = Field(default=0.0, ge=0)
    every: int = Field(default=1000, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**32)
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: bool = False

    @model_validator(mode="after")
    def _check_floor(self) -> Self:
        if self.floor is not None and self.floor > self.learning_rate:
            raise ValueError(
                f"floor: {self.floor:g} is above learning_rate {self.learning_rate:g}; "
                "give the least learning rate itself, no share of the highest"
            )
        return self

    @classmethod
    def of(cls, training: TrainingSettings) -> Self:
        """Keep of a training's settings those that this class knows."""
        return cls.model_validate(training.model_dump(include=set(cls.model_fields)))


def rate_at(settings: TrainingSettings, step: int) -> float:
    """Compute the learning rate of one step, counted from 0: a function of the step alone, so there is no state.

    The cosine is that of Loshchilov and Hutter, "SGDR", ICLR 2017, equation 5, without restarts.
    """
    highest = settings.learning_rate
    if step < settings.warm_up:
        return highest * (step + 1) / (settings.warm_up + 1)
    floor = highest * _FLOOR_SHARE if settings.floor is None else settings.floor
    if settings.schedule == "halving":
        return max(highest * 0.5 ** (step // settings.halve_every), floor)
    done = (step - settings.warm_up) / max(1, settings.steps - settings.warm_up)
    return floor + (highest - floor) * 0.5 * (1 + math.cos(math.pi * done))


def identity_in_todays_words(identity: str) -> str:
    """Rewrite the identity of a training that an earlier version began, if it says today's settings in other words.

    Precisions had other names; the floor of a task model's training was a share of its learning rate, and its schedule
    went without saying.
    """
    for old, new in (("32-true", "fp32"), ("bf16-mixed", "bf16")):
        identity = identity.replace(f'"precision": "{old}"', f'"precision": "{new}"')
    try:
        settings = json.loads(identity)
    except (ValueError, RecursionError):
        return identity
    if not isinstance(settings, dict) or "schedule" in settings:
        return identity
    share, highest = settings.get("floor"), settings.get("learning_rate")
    if not (isinstance(share, int | float) and isinstance(highest, int | float)):
        return identity
    floor = None if share == _FLOOR_SHARE else share * highest
    return json.dumps({**settings, "floor": floor, "schedule": "cosine", "halve_every": 20_000}, sort_keys=True)
