"""Cut batches of crops, each a function of seed and step: no order, worker or resumption changes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from bench.contract import Image
from bench.errors import UserError
from derainers.training.settings import DerainerSettings

if TYPE_CHECKING:
    from torch import Tensor

ImagePair: TypeAlias = tuple[Image, Image]
"""A rainy image and the clean one, of one size (H, W, 3)."""


class Stream(Protocol):
    """An endless supply of pairs; equal numbers give equal pairs."""

    def __call__(self, number: int, /) -> ImagePair:
        """Give the pair of one number, counted from 0."""
        ...


def batch_at(stream: Stream, settings: DerainerSettings, step: int, rank: int = 0, ranks: int = 1) -> ImagePair:
    """Cut the crops of one step that belong to one of several devices.

    Args:
        stream: Source of pairs.
        settings: Batch, crop, seed.
        step: Number of the step, counted from 0.
        rank: Number of the device, counted from 0.
        ranks: Number of devices; the batch is a multiple of it.

    Returns:
        Rainy and clean crops, (N, crop, crop, 3) uint8 each.

    Raises:
        UserError: An image is smaller than a crop, or a pair's sizes differ.
    """
    share = settings.batch // ranks
    rainy: list[Image] = []
    clean: list[Image] = []
    held: tuple[int, ImagePair] | None = None
    for place in range(rank * share, (rank + 1) * share):
        number = (step * settings.batch + place) // settings.crops_per_photograph
        if held is None or held[0] != number:
            held = number, stream(number)
        random = np.random.default_rng([settings.seed, step, place])
        for crops, crop in zip((rainy, clean), _crop(held[1], settings, random), strict=True):
            crops.append(crop)
    return np.stack(rainy), np.stack(clean)


@dataclass(frozen=True)
class CropBatches:
    """Makes the batch of a step, rainy and clean, as tensors (N, crop, crop, 3) uint8; see :func:`batch_at`.

    Attributes:
        stream: Source of pairs; picklable where loaders make the batches.
        settings: Batch, crop, seed.
        rank: Number of the device, counted from 0.
        ranks: Number of devices.
    """

    stream: Stream
    settings: DerainerSettings
    rank: int = 0
    ranks: int = 1

    def __call__(self, step: int, /) -> tuple[Tensor, Tensor]:
        """Make the batch of one step, counted from 0."""
        import torch

        rainy, clean = batch_at(self.stream, self.settings, step, self.rank, self.ranks)
        return torch.from_numpy(rainy), torch.from_numpy(clean)


def _crop(pair: ImagePair, settings: DerainerSettings, random: np.random.Generator) -> ImagePair:
    rainy, clean = pair
    height, width = rainy.shape[:2]
    side = settings.crop
    if rainy.shape != clean.shape or min(height, width) < side:
        raise UserError(
            f"crops of {side}x{side} pixels need pairs of one size that is larger; found a rainy image of "
            f"{width}x{height} and a clean one of {clean.shape[1]}x{clean.shape[0]}. Leave it out, or lower crop"
        )
    top, left = (int(random.integers(0, length - side + 1)) for length in (height, width))
    mirrored = bool(random.integers(2))
    quarters = int(random.integers(4)) if settings.augment == "all" else 0

    def cut(image: Image) -> Image:
        window = image[top : top + side, left : left + side]
        return np.rot90(window[:, ::-1] if mirrored else window, quarters)

    return cut(rainy), cut(clean)
