"""Run the narrow YOLO as a detection backend: ``shipped:NAME``, and ``trained:FILE`` for the user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.contract import ClassSpace, Detections, Image, Options
from bench.devices import torch_for
from bench.errors import UserError, faults_of
from tasks.detection.detector import LEAST_SCORE, MOST_BOXES
from tasks.detection.settings import DetectionSettings
from tasks.detection.suppression import suppress
from tasks.models.shipped import TrainedModel, find_model

_NMS = 0.7
_MOST_CANDIDATES = 1000  # boxes that enter suppression
_LARGEST_STRIDE = 32
_GREY = 114 / 255

_Width = Annotated[int, Field(gt=0, le=1024, multiple_of=2)]
_Repeats = Annotated[int, Field(ge=1, le=16)]


class _Design(BaseModel):
    """:class:`tasks.detection.backends.yolo_network.YoloDesign` as a card states it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    classes: int = Field(gt=0, le=255)
    channels: tuple[_Width, _Width, _Width, _Width, _Width]
    repeats: tuple[_Repeats, _Repeats, _Repeats, _Repeats]


@dataclass(frozen=True)
class YoloDetector:
    """A loaded YOLO.

    Attributes:
        network: :class:`tasks.detection.backends.yolo_network.Yolo` in evaluation mode.
        space: Classes of the model, numbered from 0.
        nms_overlap: Boxes of one class that overlap a better one by more are dropped.
        device: Device of the network.
    """

    network: Any
    space: ClassSpace
    nms_overlap: float
    device: str

    def __call__(self, images: Sequence[Image]) -> Sequence[Detections]:
        """Detect objects in several images, one at a time, each at its own size."""
        return [self._detect(image) for image in images]

    def _detect(self, image: Image) -> Detections:
        import torch

        from tasks.detection.backends.yolo_network import decode

        height, width = image.shape[:2]
        pixels = torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)[None]
        right, below = -width % _LARGEST_STRIDE, -height % _LARGEST_STRIDE
        padded = torch.nn.functional.pad(pixels, (0, right, 0, below), value=_GREY)
        with torch.inference_mode():
            boxes, scores = decode(self.network(padded.to(self.device, memory_format=torch.channels_last)))
        return _best(boxes[0].double().cpu().numpy(), scores[0].double().cpu().numpy(), self.nms_overlap)


@dataclass(frozen=True)
class YoloSource:
    """A YOLO before it is loaded.

    Attributes:
        model: Card and weights.
        nms_overlap: Overlap above which the weaker of two boxes is dropped; see :class:`YoloDetector`.
    """

    model: TrainedModel
    nms_overlap: float

    @property
    def label(self) -> str:
        """Short name for tables."""
        return self.model.label

    @property
    def facts(self) -> Mapping[str, object]:
        """Network, weights and suppression."""
        return {**self.model.facts, "design": self.model.card.design, "nms_overlap": self.nms_overlap}

    @property
    def space(self) -> ClassSpace:
        """Classes of the model, as its card names them."""
        return ClassSpace(self.model.label, tuple(range(len(self.model.card.classes))), self.model.card.classes)

    def load(self, options: Options, dataset: ClassSpace) -> YoloDetector:
        """Build the network and load its weights.

        Raises:
            MissingExtraError: PyTorch is not installed.
            UserError: The card or the weights are damaged.
        """
        torch = torch_for(options, f"the detector {self.label}")
        from tasks.detection.backends.yolo_network import Yolo, YoloDesign

        try:
            design = _Design.model_validate(self.model.card.design)
        except ValidationError as error:
            raise UserError(f"{self.label}: its card's design is not one of a YOLO: {faults_of(error)}") from error
        if design.classes != len(self.space.ids):
            raise UserError(f"{self.label}: its card names {len(self.space.ids)} classes for {design.classes} outputs")
        network = Yolo(YoloDesign(**design.model_dump()))
        self.model.load_into(network)
        network.to(options.device).to(memory_format=torch.channels_last)
        return YoloDetector(network, self.space, self.nms_overlap, options.device)


def find_detector(backend: str, text: str, settings: DetectionSettings) -> YoloSource:
    """Find the YOLO that the user named behind ``shipped:`` or ``trained:``.

    Raises:
        UserError: The model is absent, or no detector.
    """
    model = find_model(backend, text, "detection", "yolo")
    return YoloSource(model, settings.nms_overlap or _NMS)


def _best(boxes: np.ndarray[Any, Any], scores: np.ndarray[Any, Any], overlap: float) -> Detections:
    """Keep the cells' scores above the threshold, and suppress overlapping boxes by class."""
    cells, classes = np.nonzero(scores >= LEAST_SCORE)
    order = np.argsort(-scores[cells, classes], kind="stable")[:_MOST_CANDIDATES]
    cells, classes = cells[order], classes[order].astype(np.int64)
    stays = suppress(boxes[cells], scores[cells, classes], classes, overlap)
    kept = np.flatnonzero(stays)[:MOST_BOXES]
    return Detections(boxes[cells[kept]], scores[cells[kept], classes[kept]], classes[kept])
