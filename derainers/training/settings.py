"""What a training consists of, apart from its images."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from derainers.training.networks import NETWORKS


class Settings(BaseModel):
    """How a network is trained; equal settings and images give equal weights on the CPU.

    Attributes:
        network: A name in :data:`derainers.training.networks.NETWORKS`.
        steps: Updates of the weights.
        batch: Crops a step, over all devices together.
        crop: Height and width of a crop in pixels.
        crops_per_photograph: How many crops of a batch come from one rainy photograph.
        augment: ``mirror`` left and right, or ``all`` eight flips and quarter turns.
        learning_rate: Adam's, at its highest.
        schedule: ``halving`` every ``halve_every`` steps, or ``cosine`` from the highest rate to ``floor``.
        halve_every: Steps until the learning rate is halved.
        floor: Least learning rate.
        warm_up: Steps over which the learning rate rises linearly from zero.
        clip: Largest norm of the gradient; 0 for no limit.
        every: Steps between two rows of the log, validations and checkpoints.
        seed: Of the first weights, the order of photographs, rain, crops and flips.
        precision: ``fp32``, or ``bf16`` for convolutions in bfloat16 (weights stay float32).
        compile: True compiles the network first: a minute and a C++ compiler for nearly twice the speed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    network: str
    steps: int = Field(ge=1)
    batch: int = Field(default=8, ge=1, le=4096)
    crop: int = Field(default=96, ge=16, le=2048)
    crops_per_photograph: int = Field(default=1, ge=1)
    augment: Literal["mirror", "all"] = "mirror"
    learning_rate: float = Field(default=2e-4, gt=0, le=1)
    schedule: Literal["halving", "cosine"] = "halving"
    halve_every: int = Field(default=20_000, ge=1)
    floor: float = Field(default=1e-6, ge=0, le=1)
    warm_up: int = Field(default=0, ge=0)
    clip: float = Field(default=0.0, ge=0)
    every: int = Field(default=1000, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**32)
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: bool = False

    @model_validator(mode="after")
    def _check(self) -> Settings:
        if self.network not in NETWORKS:
            raise ValueError(f"network: unknown {self.network!r}; known: {', '.join(NETWORKS)}")
        if self.batch % self.crops_per_photograph:
            raise ValueError(f"batch: {self.batch} is no multiple of crops_per_photograph {self.crops_per_photograph}")
        if self.crop % 4:
            raise ValueError(f"crop: {self.crop} is no multiple of 4")
        return self


def rate_at(settings: Settings, step: int) -> float:
    """Learning rate of a step, counted from 0: a function of the step alone, so there is no state to keep."""
    if step < settings.warm_up:
        return settings.learning_rate * (step + 1) / (settings.warm_up + 1)
    if settings.schedule == "halving":
        return max(settings.learning_rate * 0.5 ** (step // settings.halve_every), settings.floor)
    part = (step - settings.warm_up) / max(1, settings.steps - settings.warm_up)
    return settings.floor + (settings.learning_rate - settings.floor) * 0.5 * (1 + math.cos(math.pi * part))
