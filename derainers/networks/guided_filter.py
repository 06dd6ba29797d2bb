"""Guided filter on tensors, for networks that work on the detail layer: image minus its guided filter."""

from __future__ import annotations

import torch
from torch import Tensor


def guided_base(image: Tensor, radius: int, smoothing: float) -> Tensor:
    """Filter an image with itself as the guide, channel by channel (He, Sun and Tang, TPAMI 2013).

    Args:
        image: (N, C, H, W) floats.
        radius: Half width of the square windows in pixels; they end at the image's border.
        smoothing: The paper's epsilon, in squared units of the image.

    Returns:
        The base layer, of the image's shape and type; sums are made in float64.
    """
    x = image.double()
    mean = box_mean(x, radius)
    variance = box_mean(x * x, radius) - mean * mean
    slope = variance / (variance + smoothing)
    offset = mean - slope * mean
    return (box_mean(slope, radius) * x + box_mean(offset, radius)).to(image.dtype)


def box_mean(x: Tensor, radius: int) -> Tensor:
    """Average those pixels of a square window that lie inside of (N, C, H, W)."""
    for axis in (2, 3):
        length = x.shape[axis]
        zero = x.new_zeros(1).expand(*x.shape[:axis], 1, *x.shape[axis + 1 :])
        sums = torch.cat([zero, x.cumsum(dim=axis)], dim=axis)
        place = torch.arange(length, device=x.device)
        first, last = (place - radius).clamp_min(0), (place + radius + 1).clamp_max(length)
        shape = [1, 1, 1, 1]
        shape[axis] = length
        x = (sums.index_select(axis, last) - sums.index_select(axis, first)) / (last - first).reshape(shape)
    return x
