"""transformers' detectors: DETR, RT-DETR, D-FINE and whatever else is a ``...ForObjectDetection``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.contract import ClassSpace, Detections, Image, Options
from bench.errors import UserError
from tasks.detection.detector import LEAST_SCORE, Detector
from tasks.detection.settings import DetectionSettings
from tasks.models.transformers import LoadedTransformer, TransformersModel, find_transformers

_SUFFIXES = ("ForObjectDetection",)


@dataclass(frozen=True)
class TransformersDetector:
    """A loaded detector.

    Attributes:
        model: Network and processor.
        space: Its classes.
    """

    model: LoadedTransformer
    space: ClassSpace

    def __call__(self, images: Sequence[Image]) -> Sequence[Detections]:
        """Detect objects in several images, as the library's own last step reads the network's outputs."""
        found: list[Detections] = []
        for outputs, sizes in self.model.answers(images):
            read = self.model.processor.post_process_object_detection(outputs, LEAST_SCORE, sizes)
            found += [_detections(each) for each in read]
        return found


@dataclass(frozen=True)
class TransformersSource:
    """A model that finds objects, before it is loaded.

    Attributes:
        model: Settings and weights.
        told: The task, for networks that are told.
        finish: Makes a detector of the loaded network and its classes.
    """

    model: TransformersModel
    told: str
    finish: Callable[[LoadedTransformer, ClassSpace], Detector]

    @property
    def label(self) -> str:
        """Short name for tables."""
        return self.model.label

    @property
    def facts(self) -> Mapping[str, object]:
        """Architecture and weights; these networks need no suppression."""
        return {**self.model.facts, "nms_overlap": "none"}

    @property
    def space(self) -> ClassSpace | None:
        """Its classes, as its settings name them."""
        return self.model.space

    def load(self, options: Options, dataset: ClassSpace) -> Detector:
        """Load the network.

        Raises:
            MissingExtraError: transformers is not installed.
            UserError: It cannot be had, or its settings do not name its classes.
        """
        if self.space is None:
            raise UserError(f"{self.model.place}: its config.json names no classes; write them into 'id2label'")
        return self.finish(self.model.load(options, self.told), self.space)


def find_detector(text: str, settings: DetectionSettings) -> TransformersSource:
    """Resolve a folder or ``OWNER/NAME@COMMIT``.

    Raises:
        UserError: Neither of them, or no detector.
    """
    model = find_transformers(text, _SUFFIXES, settings.trust_checkpoint, "detection")
    return TransformersSource(model, "", TransformersDetector)


def _detections(found: Mapping[str, Any]) -> Detections:
    return Detections(
        boxes=found["boxes"].cpu().numpy().astype(np.float64).reshape(-1, 4),
        scores=found["scores"].cpu().numpy().astype(np.float64),
        class_ids=found["labels"].cpu().numpy().astype(np.int64),
    )
