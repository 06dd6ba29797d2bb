"""Parameters of the instance segmentation task."""

from __future__ import annotations

from pydantic import Field

from tasks.detection.detector import LEAST_SCORE
from tasks.settings import Settings


class InstanceSettings(Settings):
    """Parameters of the instance segmentation task.

    Attributes:
        model: ``torchvision:ARCHITECTURE`` with its published weights, ``torchvision:ARCHITECTURE@FILE``,
            ``detectron2:CONFIGURATION@FILE``, ``ultralytics:FILE``, ``ultralytics:NAME``,
            ``transformers:FOLDER``, ``transformers:OWNER/NAME@COMMIT``, ``shipped:streets-maskrcnn``,
            ``trained:FILE``, or your own, ``path/to/mine.py:build``.
        trust_checkpoint: As for detection: an ultralytics ``.pt`` file, or a transformers folder with a pickle.
        image_size: Side to which ultralytics letterboxes images.
        nms_overlap: Non-maximum suppression drops boxes that overlap a better one of their class by more;
            None for the backend's usual value (torchvision and detectron2 0.5, ultralytics 0.7).
        score: Least score of an object in precision, recall and IoU.
        overlap: Least mask IoU of a match in precision and recall.
        classes: Names of the dataset's classes to score; empty for all that the model can see.
    """

    model: str
    trust_checkpoint: bool = False
    image_size: int = Field(default=640, ge=32, le=4096)
    nms_overlap: float | None = Field(default=None, gt=0, le=1)
    score: float = Field(default=0.25, ge=LEAST_SCORE, le=1)
    overlap: float = Field(default=0.60, gt=0, le=1)
    classes: tuple[str, ...] = ()
