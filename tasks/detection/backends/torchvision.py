"""Run torchvision's box detectors; the instance segmenters share their source and their settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.contract import ClassSpace, Detections, Image, Options
from tasks.detection.detector import LEAST_SCORE, MOST_BOXES, Detector
from tasks.detection.settings import DetectionSettings
from tasks.models.torchvision import TorchvisionCheckpoint, find_torchvision, load_torchvision, outputs_before_loading

NMS_OVERLAP = 0.5


@dataclass(frozen=True)
class TorchvisionDetector:
    """A loaded Faster R-CNN.

    Attributes:
        network: ``torchvision.models.detection.FasterRCNN`` in evaluation mode.
        space: Classes of its labels.
        device: Device of the network.
    """

    network: Any
    space: ClassSpace
    device: str

    def __call__(self, images: Sequence[Image]) -> Sequence[Detections]:
        """Detect objects in several images, one at a time: a batch would pad them to a common size."""
        return [self._detect(image) for image in images]

    def _detect(self, image: Image) -> Detections:
        import torch

        pixels = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1).to(self.device) / 255.0
        with torch.inference_mode():
            found = self.network([pixels])[0]
        return Detections(
            boxes=found["boxes"].cpu().numpy().astype(np.float64).reshape(-1, 4),
            scores=found["scores"].cpu().numpy().astype(np.float64),
            class_ids=found["labels"].cpu().numpy().astype(np.int64),
        )


@dataclass(frozen=True)
class TorchvisionSource:
    """A torchvision network that finds objects, before it is loaded.

    Attributes:
        checkpoint: Architecture and weights.
        nms_overlap: Boxes of one class that overlap a better one by more are dropped.
        finish: Makes a detector of the loaded network, the classes of its labels and its device.
    """

    checkpoint: TorchvisionCheckpoint
    nms_overlap: float
    finish: Callable[[Any, ClassSpace, str], Detector]

    @property
    def label(self) -> str:
        """Short name for tables."""
        return self.checkpoint.label

    @property
    def facts(self) -> Mapping[str, object]:
        """Architecture, weights and suppression."""
        return {
            "backend": "torchvision",
            "architecture": self.checkpoint.model.name,
            "weights": self.checkpoint.digest,
            "nms_overlap": self.nms_overlap,
        }

    @property
    def space(self) -> ClassSpace | None:
        """COCO's classes for published weights."""
        return outputs_before_loading(self.checkpoint)

    def load(self, options: Options, dataset: ClassSpace) -> Detector:
        """Load the network."""
        network, space = load_torchvision(self.checkpoint, options, dataset)
        network.roi_heads.nms_thresh = self.nms_overlap
        return self.finish(network, space, options.device)


def find_detector(text: str, settings: DetectionSettings) -> TorchvisionSource:
    """Find the detector of ``ARCHITECTURE`` or ``ARCHITECTURE@FILE``.

    Raises:
        UserError: No such architecture or file.
    """
    checkpoint = find_torchvision(text, finds=("boxes", "masks"), task="detection")
    return TorchvisionSource(checkpoint, settings.nms_overlap or NMS_OVERLAP, _outspoken)


def _outspoken(network: Any, space: ClassSpace, device: str) -> TorchvisionDetector:  # noqa: ANN401
    """Let a detector give all boxes that the protocols ask for; torchvision stops at score 0.05 and 100 boxes."""
    network.roi_heads.score_thresh = LEAST_SCORE
    network.roi_heads.detections_per_img = MOST_BOXES
    return TorchvisionDetector(network, space, device)
