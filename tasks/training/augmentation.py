"""Augment photographs at random before a network is trained on them, and turn them into its input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from bench.contract import Image
from tasks.semantic.segmenter import IMAGENET

MULTIPLE = 32
"""Sides of a network's input are padded to a multiple of this."""
_SPREAD = 0.15

Pixels: TypeAlias = npt.NDArray[np.float32]


def relit(image: Image, random: np.random.Generator) -> Pixels:
    """Turn an image into pixels (H, W, 3) in [0, 1], at random a little brighter or darker, steeper or flatter."""
    gain, gamma = np.exp(random.uniform(-_SPREAD, _SPREAD, 2))
    table: Pixels = np.clip((np.arange(256) / 255.0) ** gamma * gain, 0, 1).astype(np.float32)
    return np.asarray(table[image])


def batch_of(images: Sequence[Pixels]) -> Tensor:
    """Stack images of one size, normalised as for ImageNet, padded below and on the right: (B, 3, H', W')."""
    stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET.mean, IMAGENET.deviation))
    return padded((stacked - mean) / deviation, 0.0).contiguous(memory_format=torch.channels_last)


def padded(batch: Tensor, value: float) -> Tensor:
    """Pad (..., H, W) below and on the right to sides that are multiples of ``MULTIPLE``."""
    height, width = batch.shape[-2:]
    return functional.pad(batch, (0, -width % MULTIPLE, 0, -height % MULTIPLE), value=value)
