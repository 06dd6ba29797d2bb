"""Stand in for a model that is not here: its answers are on record and can be scored, but none can be added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from bench.contract import ClassSpace, Parameter, Parameters
from bench.errors import UserError
from tasks.settings import Settings

NAME = "recorded"
"""Its backend's name; the checkpoint is the model's short name."""


@dataclass(frozen=True)
class Recorded:
    """A source without a model; see :class:`tasks.detection.detector.DetectorSource`.

    Attributes:
        label: The model's short name.
        nms_overlap: Overlap above which the model's boxes were suppressed, or None.
        space: Always None: the classes are not on record.
        digest: Always empty: the weights are not on record.
    """

    label: str
    nms_overlap: float | None = None
    space: ClassSpace | None = None
    digest: str = ""

    @property
    def facts(self) -> Mapping[str, object]:
        """Name and suppression of the model."""
        return {"model": self.label, "nms_overlap": self.nms_overlap}

    @property
    def normalisation(self) -> NoReturn:
        """Not on record; only judging needs it."""
        raise self._refusal()

    def load(self, *_: object) -> NoReturn:
        """Refuse: the model is not here."""
        raise self._refusal()

    def _refusal(self) -> UserError:
        return UserError(f"the model {self.label!r} is only on record; name the model itself to judge images with it")


def scoring_parameters(settings: Settings, label: str, names: Mapping[int, str], scored: tuple[int, ...]) -> Parameters:
    """List the parameters with which a task scores stored evidence without its model.

    Args:
        settings: The task's parameters.
        label: The model's short name.
        names: Class id to name, of the dataset.
        scored: Ids of the classes that are scored.
    """
    found: dict[str, Parameter] = settings.model_dump(exclude_none=True, exclude={"model", "classes", "outputs"})
    return {**found, "model": f"{NAME}:{label}", "classes": tuple(names[id] for id in scored)}
