"""Settings of a derainer's training: those of every training, and the crops."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from bench.io.training.settings import BatchSize, Floor, LearningRate, Schedule, TrainingSettings
from derainers.training.networks import NETWORKS

_GUIDING = ("guide_share", "guide_after")


class DerainerSettings(TrainingSettings):
    """Settings of one derainer's training with Adam; the defaults are those of MSPFN's paper (section 4.1).

    Attributes:
        network: A name in :data:`derainers.training.networks.NETWORKS`.
        batch: Crops a step, over all devices together.
        crop: Height and width of a crop in pixels, a multiple of 4.
        crops_per_photograph: Crops of a batch that come from one rainy photograph.
        augment: ``mirror`` left and right, or ``all`` eight flips and quarter turns.
        guide: A task's model, ``BACKEND:CHECKPOINT``, whose features of restored crops are to equal those of clean
            ones; empty for the pixel loss alone.
        guide_share: The guide's term as a share of the pixel term when it comes in; 0 is the control, the same
            training without the term.
        guide_after: Steps with the pixel loss alone, before the guide's term comes in.
    """

    batch: BatchSize = 8
    crop: int = Field(default=96, ge=16, le=2048)
    crops_per_photograph: int = Field(default=1, ge=1)
    augment: Literal["mirror", "all"] = "mirror"
    guide: str = ""
    guide_share: float = Field(default=0.3, ge=0, le=100)
    guide_after: int = Field(default=0, ge=0)
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
        if alone := [name for name in _GUIDING if name in self.model_fields_set and not self.guide]:
            raise ValueError(f"{alone[0]}: there is no guide; give guide = 'BACKEND:CHECKPOINT', or leave it out")
        if self.guide and self.guide_after >= self.steps:
            raise ValueError(f"guide_after: {self.guide_after} of {self.steps} steps leaves none to be guided")
        return self

    def idle_settings(self) -> set[str]:
        """Name the settings that are without effect here: all about a guide where there is none."""
        return set() if self.guide else {"guide", *_GUIDING}

    @model_serializer(mode="wrap")
    def _without_idle(self, dump: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Leave out what is without effect: such trainings are those of versions that did not have these settings."""
        return {name: value for name, value in dump(self).items() if name not in self.idle_settings()}
