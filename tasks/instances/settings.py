"""Parameters of the instance segmentation task."""

from __future__ import annotations

from pydantic import Field

from tasks.detection.detector import LEAST_SCORE
from tasks.settings import Settings


class InstanceSettings(Settings):
    """Parameters of the instance segmentation task.

    Attributes:
        model: ``torchvision:ARCHITECTURE`` with its published weights, or ``torchvision:ARCHITECTURE@FILE``.
        score: Least score of an object in precision, recall and IoU.
        overlap: Least mask IoU of a match in precision and recall.
        classes: Names of the dataset's classes to score; empty for all that the model can see.
    """

    model: str
    score: float = Field(default=0.25, ge=LEAST_SCORE, le=1)
    overlap: float = Field(default=0.60, gt=0, le=1)
    classes: tuple[str, ...] = ()
