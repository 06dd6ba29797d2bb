"""Compute PSNR and SSIM of a batch by PyTorch, for GPUs; equal to :mod:`tasks.quality.psnr_ssim` to 1e-6."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.contract import Image
from tasks.quality.metrics import QualityMetric
from tasks.quality.psnr_ssim import C1, C2, LUMA_OFFSET, SSIM_WINDOW, luma_terms, window_taps

if TYPE_CHECKING:
    from torch import Tensor

ON_GPU: frozenset[QualityMetric] = frozenset({"psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb"})
"""Metrics that this module computes."""


def compare_batch(
    images: Sequence[Image], cleans: Sequence[Image], wanted: Sequence[QualityMetric], device: str
) -> list[dict[str, float]]:
    """Compute PSNR and SSIM of several restored images of one size.

    Args:
        images: (H, W, 3) uint8 RGB each.
        cleans: The same shape each.
        wanted: Metrics to compute; others than those of ``ON_GPU`` are passed over.
        device: A device of PyTorch.

    Returns:
        Metric to value for each image. What is undefined is left out: PSNR where it is infinite, SSIM where a
        side is shorter than its window.
    """
    import torch

    seen, true = (torch.from_numpy(np.stack(batch)).to(device) for batch in (images, cleans))
    large = min(seen.shape[1:3]) >= SSIM_WINDOW
    found: dict[str, Tensor] = {}
    if {"psnr_y", "ssim_y"} & set(wanted):
        planes = _luma(seen), _luma(true)
        found["psnr_y"] = _psnr(*planes)
        if large:
            found["ssim_y"] = _ssim(*planes)
    if {"psnr_rgb", "ssim_rgb"} & set(wanted):
        channels = seen.permute(0, 3, 1, 2).double(), true.permute(0, 3, 1, 2).double()
        found["psnr_rgb"] = _psnr(*channels)
        if large:
            found["ssim_rgb"] = _ssim(*channels)
    values = {metric: tensor.tolist() for metric, tensor in found.items() if metric in wanted}
    return [
        {metric: column[number] for metric, column in values.items() if math.isfinite(column[number])}
        for number in range(len(images))
    ]


def _luma(images: Tensor) -> Tensor:
    """Convert (B, H, W, 3) uint8 to (B, 1, H, W) float64 luma, rounded."""
    import torch

    red, green, blue = (torch.from_numpy(term).to(images.device)[images[..., n].int()] for n, term in luma_terms())
    return torch.floor(red + green + blue + LUMA_OFFSET + 0.5).unsqueeze(1)


def _psnr(images: Tensor, cleans: Tensor) -> Tensor:
    """Compute PSNR: (B, C, H, W) to (B,) dB; infinite where the images are equal."""
    import torch

    error = ((images - cleans) ** 2).mean(dim=(1, 2, 3))
    return 10 * torch.log10(255.0**2 / error)


def _ssim(images: Tensor, cleans: Tensor) -> Tensor:
    """Compute SSIM: (B, C, H, W) to (B,), the mean over the valid region and the channels."""
    mean, mean_clean = _window(images), _window(cleans)
    product, squares = mean * mean_clean, mean * mean + mean_clean * mean_clean
    variances = _window(images * images + cleans * cleans) - squares
    covariance = _window(images * cleans) - product
    similarity = (2 * product + C1) * (2 * covariance + C2) / ((squares + C1) * (variances + C2))
    return similarity.mean(dim=(1, 2, 3))


def _window(planes: Tensor) -> Tensor:
    """Compute Gaussian means of the valid region: (B, C, H, W) to (B, C, H - 10, W - 10)."""
    import torch
    from torch.nn import functional

    taps = torch.from_numpy(window_taps()).to(planes.device)
    flat = planes.reshape(-1, 1, *planes.shape[2:])
    rows = functional.conv2d(flat, taps.view(1, 1, -1, 1))
    whole = functional.conv2d(rows, taps.view(1, 1, 1, -1))
    return whole.reshape(*planes.shape[:2], *whole.shape[2:])
