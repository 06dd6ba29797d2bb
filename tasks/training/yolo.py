"""Train the narrow YOLO: batches of photographs and their boxes as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bench.contract import FloatArray, IntArray, Photograph
from tasks.detection.backends.yolo_network import Yolo, YoloDesign
from tasks.training.augmentation import relit
from tasks.training.loop import TrainableModel
from tasks.training.yolo_loss import Objects, yolo_loss

LEAST_AREA = 60
"""Objects of which fewer pixels are seen are not trained on."""


def yolo(names: Sequence[str]) -> TrainableModel:
    """Build the narrow YOLO with its first weights.

    Args:
        names: Classes in the order of the outputs; class ids of the photographs are 1, 2, ...
    """
    design = YoloDesign(len(names))
    return TrainableModel(Yolo(design), loss_of, asdict(design))


def loss_of(network: nn.Module, photographs: Sequence[Photograph], random: np.random.Generator) -> Tensor:
    """Compute the loss of a batch of photographs, half of them mirrored and all a little brighter or darker."""
    images, boxes, classes = zip(*(_augmented(photograph, random) for photograph in photographs), strict=True)
    pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    return yolo_loss(network(pixels), _padded(boxes, classes))


def _augmented(
    photograph: Photograph, random: np.random.Generator
) -> tuple[npt.NDArray[np.float32], FloatArray, IntArray]:
    """Augment one photograph: pixels in [0, 1], boxes, and class numbers from 0."""
    if photograph.clean is None or photograph.truth.instances is None:
        raise ValueError(f"{photograph.id}: training a detector needs a clean image and boxes")
    seen = photograph.truth.instances
    kept = seen.areas >= LEAST_AREA
    boxes, image = seen.boxes[kept].copy(), photograph.clean
    if random.integers(2):
        image = image[:, ::-1]
        boxes[:, [0, 2]] = image.shape[1] - boxes[:, [2, 0]]
    return relit(image, random), boxes, seen.class_ids[kept] - 1


def _padded(boxes: Sequence[FloatArray], classes: Sequence[IntArray]) -> Objects:
    """Pad boxes and classes to tensors of one length, in single precision."""
    most = max(1, *(len(one) for one in boxes))
    padded = np.zeros((len(boxes), most, 4), np.float32)
    numbers, real = np.zeros((len(boxes), most), np.int64), np.zeros((len(boxes), most), bool)
    for place, (one, of) in enumerate(zip(boxes, classes, strict=True)):
        padded[place, : len(one)], numbers[place, : len(one)], real[place, : len(one)] = one, of, True
    return Objects(torch.from_numpy(padded), torch.from_numpy(numbers), torch.from_numpy(real))
