"""Run torchvision's Mask R-CNN, with masks encoded one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.contract import ClassSpace, Detections, Image, Rle
from bench.io.masks import encode
from tasks.detection.backends.torchvision import NMS_OVERLAP, TorchvisionSource
from tasks.instances.settings import InstanceSettings
from tasks.models.torchvision import find_torchvision

_MASK_THRESHOLD = 0.5


@dataclass(frozen=True)
class TorchvisionSegmenter:
    """A loaded Mask R-CNN.

    Attributes:
        network: ``torchvision.models.detection.MaskRCNN`` in evaluation mode.
        space: Classes of its labels.
        device: Device of the network.
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


def find_segmenter(text: str, settings: InstanceSettings) -> TorchvisionSource:
    """Find the segmenter of ``ARCHITECTURE`` or ``ARCHITECTURE@FILE``.

    Raises:
        UserError: No such architecture or file.
    """
    checkpoint = find_torchvision(text, finds=("masks",), task="instances")
    # The network's usual limits, score 0.05 and 100 objects, are those of the protocol.
    return TorchvisionSource(checkpoint, settings.nms_overlap or NMS_OVERLAP, TorchvisionSegmenter)


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
