"""What the training of a task model consists of, apart from its photographs."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """How a task model is trained; equal settings and photographs give equal weights on one machine.

    Attributes:
        network: A name in :data:`tasks.training.networks.NETWORKS`.
        steps: Updates of the weights.
        batch: Photographs a step.
        learning_rate: AdamW's, at its highest.
        weight_decay: AdamW's.
        floor: Least learning rate, as a share of the highest; it falls along half a cosine.
        warm_up: Steps over which the learning rate rises linearly from zero.
        clip: Largest norm of the gradient; 0 for no limit.
        average: Decay of the moving average of the weights, which is what is kept in the end.
        every: Steps between two rows of the log and checkpoints.
        seed: Of the first weights, the order of photographs and their augmentation.
        precision: ``fp32``, or ``bf16`` for convolutions in bfloat16 (weights stay float32).
        compile: True compiles the network first: a minute and a C++ compiler for nearly twice the speed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    network: str
    steps: int = Field(ge=1)
    batch: int = Field(default=16, ge=1, le=4096)
    learning_rate: float = Field(default=2e-3, gt=0, le=1)
    weight_decay: float = Field(default=0.01, ge=0, le=1)
    floor: float = Field(default=0.02, ge=0, le=1)
    warm_up: int = Field(default=100, ge=0)
    clip: float = Field(default=10.0, ge=0)
    average: float = Field(default=0.995, ge=0, lt=1)
    every: int = Field(default=200, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**32)
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: bool = False


def rate_at(settings: Settings, step: int) -> float:
    """Learning rate of a step, counted from 0: a function of the step alone."""
    if step < settings.warm_up:
        return settings.learning_rate * (step + 1) / (settings.warm_up + 1)
    part = (step - settings.warm_up) / max(1, settings.steps - settings.warm_up)
    share = settings.floor + (1 - settings.floor) * 0.5 * (1 + math.cos(math.pi * part))
    return settings.learning_rate * share
