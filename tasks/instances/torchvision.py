"""torchvision's Mask R-CNN, with masks encoded one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.contract import ClassSpace, Detections, Image, Options, Rle
from tasks.instances.settings import InstanceSettings
from tasks.rle import encode
from tasks.torchvision_models import (
    TorchvisionCheckpoint,
    find_torchvision,
    load_torchvision,
    outputs_before_loading,
)

NMS_OVERLAP = 0.5
_MASK_THRESHOLD = 0.5


@dataclass(frozen=True)
class TorchvisionSegmenter:
    """A loaded Mask R-CNN.

    Attributes:
        network: ``torchvision.models.detection.MaskRCNN`` in evaluation mode.
        space: Classes of its labels.
        device: Where it runs.
    """

    network: Any
    space: ClassSpace
    device: str

    def __call__(self, images: Sequence[Image]) -> Sequence[Detections]:
        """Segment the objects of several images, one at a time."""
        return [self._segment(image) for image in images]

    def _segment(self, image: Image) -> Detections:
        import torch

        pixels = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1).to(self.device) / 255.0
        with torch.inference_mode():
            # The network's own last step pastes all masks as float32 at full size, which for 100 masks of
            # 1280x720 is 370 MB an image; its first steps are taken here and every mask is pasted alone.
            resized, _ = self.network.transform([pixels])
            features = self.network.backbone(resized.tensors)
            proposals, _ = self.network.rpn(resized, features)
            found, _ = self.network.roi_heads(features, proposals, resized.image_sizes)
            return _detections(found[0], resized.image_sizes[0], image.shape[:2])


@dataclass(frozen=True)
class TorchvisionSource:
    """A Mask R-CNN before it is loaded.

    Attributes:
        checkpoint: Architecture and weights.
        nms_overlap: Boxes of one class that overlap a better one by more are dropped.
    """

    checkpoint: TorchvisionCheckpoint
    nms_overlap: float

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

    def load(self, options: Options, dataset: ClassSpace) -> TorchvisionSegmenter:
        """Load the network; its usual limits (score 0.05, 100 objects) are those of the protocol."""
        network, space = load_torchvision(self.checkpoint, options, dataset)
        network.roi_heads.nms_thresh = self.nms_overlap
        return TorchvisionSegmenter(network, space, options.device)


def find_segmenter(text: str, settings: InstanceSettings) -> TorchvisionSource:
    """Resolve ``ARCHITECTURE`` or ``ARCHITECTURE@FILE``.

    Raises:
        UserError: No such architecture or file.
    """
    checkpoint = find_torchvision(text, finds=("masks",), task="instances")
    return TorchvisionSource(checkpoint, settings.nms_overlap or NMS_OVERLAP)


def _detections(found: Any, resized: tuple[int, int], size: tuple[int, ...]) -> Detections:  # noqa: ANN401
    from torchvision.models.detection.transform import resize_boxes

    boxes = resize_boxes(found["boxes"], resized, size).cpu()
    masks = found["masks"].cpu()
    return Detections(
        boxes=boxes.numpy().astype(np.float64).reshape(-1, 4),
        scores=found["scores"].cpu().numpy().astype(np.float64),
        class_ids=found["labels"].cpu().numpy().astype(np.int64),
        masks=tuple(_paste(masks[n : n + 1], boxes[n : n + 1], size) for n in range(len(boxes))),
    )


def _paste(mask: Any, box: Any, size: tuple[int, ...]) -> Rle:  # noqa: ANN401  tensors; torch is late
    from torchvision.models.detection.roi_heads import paste_masks_in_image

    whole = paste_masks_in_image(mask, box, size)[0, 0]
    return encode((whole > _MASK_THRESHOLD).numpy())
