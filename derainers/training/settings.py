"""Settings of a derainer's training: those of every training, and the crops."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from bench.io.training.settings import BatchSize, Floor, LearningRate, Schedule, TrainingSettings
from derainers.training.networks import NETWORKS


class DerainerSettings(TrainingSettings):
    """Settings of one derainer's training with Adam; the defaults are those of MSPFN's paper (section 4.1).

    Attributes:
        network: A name in :data:`derainers.training.networks.NETWORKS`.
        batch: Crops a step, over all devices together.
        crop: Height and width of a crop in pixels, a multiple of 4.
        crops_per_photograph: Crops of a batch that come from one rainy photograph.
        augment: ``mirror`` left and right, or ``all`` eight flips and quarter turns.
    """

    batch: BatchSize = 8
    crop: int = Field(default=96, ge=16, le=2048)
    crops_per_photograph: int = Field(default=1, ge=1)
    augment: Literal["mirror", "all"] = "mirror"
    learning_rate: LearningRate = 2e-4
    schedule: Schedule = "halving"
    floor: Floor | None = 1e-6

    @model_validator(mode="after")
    def _check(self) -> DerainerSettings:
        if self.network not in NETWORKS:
            raise ValueError(f"network: unknown {self.network!r}; known: {', '.join(NETWORKS)}")
        if self.batch % self.crops_per_photograph:
            raise ValueError(f"batch: {self.batch} is no multiple of crops_per_photograph {self.crops_per_photograph}")
        if self.crop % 4:
            raise ValueError(f"crop: {self.crop} is no multiple of 4")
        return self
