"""Train the small Mask R-CNN: photographs and their objects as torchvision takes them, and the loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

from bench.contract import Photograph
from bench.io.masks import decode
from tasks.instances.backends.maskrcnn import build_maskrcnn
from tasks.training.augmentation import Pixels, batch_of, relit
from tasks.training.loop import TrainableModel

LEAST_AREA = 40
"""Objects of which fewer pixels are seen are not trained on."""


def maskrcnn(names: Sequence[str]) -> TrainableModel:
    """Build the Mask R-CNN with its first weights.

    Args:
        names: Classes in the order of the outputs; class ids of the photographs are 1, 2, ...
    """
    return TrainableModel(build_maskrcnn(len(names)), loss_of)


def loss_of(network: nn.Module, photographs: Sequence[Photograph], random: np.random.Generator) -> Tensor:
    """Sum the five losses of Mask R-CNN (He et al., ICCV 2017), photographs mirrored and lit at random."""
    images, targets = zip(*(_augmented(photograph, random) for photograph in photographs), strict=True)
    batch = ImageList(batch_of(images), [(image.shape[0], image.shape[1]) for image in images])
    return torch.stack(list(losses(network, batch, list(targets)).values())).sum()


def losses(network: Any, images: ImageList, targets: list[dict[str, Tensor]]) -> dict[str, Tensor]:  # noqa: ANN401
    """Compute the network's losses by name.

    Its own first step, resizing images and masks, is left out: everything has the right size.

    Args:
        network: ``torchvision.models.detection.MaskRCNN`` in training mode.
        images: Normalised images (N, 3, H, W), sides multiples of 32.
        targets: ``boxes`` (M, 4), ``labels`` (M,) and ``masks`` (M, H, W) of each image.
    """
    features = {level: feature.float() for level, feature in network.backbone(images.tensors).items()}
    proposals, of_proposals = network.rpn(images, features, targets)
    _, of_objects = network.roi_heads(features, proposals, images.image_sizes, targets)
    return {**of_proposals, **of_objects}


def _augmented(photograph: Photograph, random: np.random.Generator) -> tuple[Pixels, dict[str, Tensor]]:
    seen = photograph.truth.instances
    if photograph.clean is None or seen is None or seen.masks is None:
        raise ValueError(f"{photograph.id}: training an instance segmenter needs a clean image and masks")
    kept = np.flatnonzero(seen.areas >= LEAST_AREA)
    image, boxes = photograph.clean, seen.boxes[kept]
    masks = np.zeros((len(kept), *image.shape[:2]), np.uint8)
    for place, number in enumerate(kept):
        masks[place] = decode(seen.masks[number])
    if random.integers(2):
        image, masks = image[:, ::-1], masks[:, :, ::-1].copy()
        boxes = np.stack([image.shape[1] - boxes[:, 2], boxes[:, 1], image.shape[1] - boxes[:, 0], boxes[:, 3]], 1)
    return relit(image, random), {
        "boxes": torch.from_numpy(boxes.astype(np.float32)),
        "labels": torch.from_numpy(seen.class_ids[kept]),
        "masks": torch.from_numpy(masks),
    }
