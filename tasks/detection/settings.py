"""Parameters of the tasks on objects: those of both, and those of detection."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tasks.detection.detector import LEAST_SCORE
from tasks.settings import Settings

ProtocolName = Literal["literal_conf", "darknet_recall", "darknet_map"]


class ObjectSettings(Settings):
    """Parameters that detection and instance segmentation share.

    Attributes:
        model: ``BACKEND:CHECKPOINT``, each task has its backends; or a model of your own, ``path/to/mine.py:build``.
        trust_checkpoint: Load an ultralytics ``.pt`` file that is not published (such files run code), or a
            transformers folder whose weights are a pickle (its tensors alone are read).
        image_size: Side to which ultralytics letterboxes images; exported files keep the one they were made with.
        nms_overlap: Non-maximum suppression drops boxes that overlap a better one of their class by more;
            None for the backend's usual value (ultralytics, shipped and trained 0.7, torchvision and detectron2 0.5,
            darknet 0.45). transformers' detectors need none, and your own does its own.
        score: Least score of an object in precision, recall and IoU.
        overlap: Least IoU (of boxes or of masks) of a match in precision and recall.
        classes: Names of the dataset's classes to score; empty for all that the model can see.
    """

    model: str
    trust_checkpoint: bool = False
    image_size: int = Field(default=640, ge=32, le=4096)
    nms_overlap: float | None = Field(default=None, gt=0, le=1)
    score: float = Field(default=0.25, ge=LEAST_SCORE, le=1)
    overlap: float = Field(default=0.60, gt=0, le=1)
    classes: tuple[str, ...] = ()


class DetectionSettings(ObjectSettings):
    """Parameters of the detection task.

    Attributes:
        model: ``ultralytics:FILE``, ``ultralytics:NAME``, ``torchvision:ARCHITECTURE`` or
            ``torchvision:ARCHITECTURE@FILE``, ``detectron2:CONFIGURATION@FILE``, ``darknet:yolov3`` or
            ``darknet:FILE`` (with .cfg and .names beside), ``shipped:NAME`` or ``trained:FILE``.
        protocols: Further ways to count, see :mod:`tasks.detection.counting_rules`.
        sweep: Further least scores at which precision and recall are told, for curves.
        per_class: Tell AP, precision and recall of every class, too.
    """

    protocols: tuple[ProtocolName, ...] = ("literal_conf", "darknet_recall", "darknet_map")
    sweep: tuple[Annotated[float, Field(ge=LEAST_SCORE, le=1)], ...] = ()
    per_class: bool = False
