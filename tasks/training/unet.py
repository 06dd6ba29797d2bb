"""Train the small U-Net: photographs with their label maps as tensors, and the loss."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.contract import UNLABELLED, LabelMap, Photograph
from tasks.semantic.backends.unet import build_unet
from tasks.training.augmentation import Pixels, batch_of, padded, relit
from tasks.training.loop import TrainableModel


def unet(names: Sequence[str]) -> TrainableModel:
    """Build the U-Net with its first weights.

    Args:
        names: Classes in the order of the outputs; label maps have 0, 1, ... and ``UNLABELLED``.
    """
    return TrainableModel(build_unet(len(names)), loss_of)


def loss_of(network: nn.Module, photographs: Sequence[Photograph], random: np.random.Generator) -> Tensor:
    """Compute the loss of a batch of photographs, half of them mirrored and all a little brighter or darker."""
    images, maps = zip(*(_augmented(photograph, random) for photograph in photographs), strict=True)
    labels = padded(torch.from_numpy(np.stack(maps)).long(), UNLABELLED)
    return labels_loss(network(batch_of(images)).float(), labels)


def labels_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """Add cross-entropy and Dice loss, which both heed rare classes.

    Args:
        scores: (B, K, H, W).
        labels: (B, H, W) int64, classes or ``UNLABELLED``.

    Returns:
        A scalar: mean cross-entropy of labelled pixels, those of a class weighted by one over the fourth root of
        its number of pixels in the batch, plus 1 minus the mean Dice coefficient of the classes that occur in the batch
        (Milletari et al., 3DV 2016, section 3, without squares), counted over the whole batch.
    """
    count = scores.shape[1]
    known = (labels != UNLABELLED).to(scores.dtype)
    classes = torch.where(known > 0, labels, 0)
    logarithms = functional.log_softmax(scores, 1)
    found = logarithms.gather(1, classes[:, None])[:, 0]
    pixels = scores.new_zeros(count).index_add(0, classes.flatten(), known.flatten())
    weights = pixels.clamp(min=1).pow(-0.25)[classes] * known
    entropy = -(found * weights).sum() / weights.sum().clamp(min=1e-6)
    right = scores.new_zeros(count).index_add(0, classes.flatten(), (found.exp() * known).flatten())
    claimed = (logarithms.exp() * known[:, None]).sum((0, 2, 3))
    occurs = pixels > 0
    dice = 2 * right[occurs] / (pixels[occurs] + claimed[occurs])
    return entropy + (1 - dice).sum() / occurs.sum().clamp(min=1)


def _augmented(photograph: Photograph, random: np.random.Generator) -> tuple[Pixels, LabelMap]:
    image, labels = photograph.clean, photograph.truth.label_map
    if image is None or labels is None:
        raise ValueError(f"{photograph.id}: training a segmenter needs a clean image and a label map")
    if random.integers(2):
        image, labels = image[:, ::-1], labels[:, ::-1]
    return relit(image, random), labels
