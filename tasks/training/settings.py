"""Settings of a task model's training: those of every training, weight decay and averaging."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bench.io.training.settings import BatchSize, LearningRate, TrainingSettings


class TaskModelSettings(TrainingSettings):
    """Settings of one task model's training with AdamW.

    Attributes:
        network: A name in :data:`tasks.training.networks.NETWORKS`.
        batch: Photographs a step.
        weight_decay: Weight decay of everything but biases and normalisation.
        average: Decay of the moving average of the weights, which is what is kept in the end.
    """

    network: Literal["maskrcnn", "unet", "yolo"]
    batch: BatchSize = 16
    learning_rate: LearningRate = 2e-3
    weight_decay: float = Field(default=0.01, ge=0, le=1)
    warm_up: int = Field(default=100, ge=0)
    clip: float = Field(default=10.0, ge=0)
    average: float = Field(default=0.995, ge=0, lt=1)
    every: int = Field(default=200, ge=1)
