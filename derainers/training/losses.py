"""Losses of the published derainers, on tensors (N, 3, H, W)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

EPSILON = 1e-3
"""Charbonnier's constant in MSPFN (Eq. 1), for values in [-1, 1]."""
EDGE_WEIGHT = 0.05
"""Weight of the edge loss in MSPFN (Eq. 3)."""
_SSIM_TAPS, _SSIM_DEVIATION = 11, 1.5


def charbonnier(difference: Tensor, epsilon: float = EPSILON) -> Tensor:
    """Compute the mean of sqrt(d**2 + epsilon**2), a scalar: absolute error, smooth at zero (MSPFN, Eq. 1)."""
    return torch.sqrt(difference.square() + epsilon**2).mean()


def laplacian(image: Tensor) -> Tensor:
    """Filter (N, C, H, W) with the Laplacian: 8 times the pixel minus its eight neighbours, zeros outside."""
    channels = image.shape[1]
    kernel = image.new_full((3, 3), -1.0)
    kernel[1, 1] = 8.0
    return functional.conv2d(image, kernel.expand(channels, 1, 3, 3), padding=1, groups=channels)


def mspfn_loss(restored: Tensor, clean: Tensor) -> Tensor:
    """Add the Charbonnier losses of images and, times 0.05, of their edges (MSPFN, Eq. 1 to 3); values in [-1, 1].

    The Laplacian is linear, so that of the difference is the difference of the Laplacians.
    """
    difference = restored - clean
    return charbonnier(difference) + EDGE_WEIGHT * charbonnier(laplacian(difference))


def ssim(first: Tensor, second: Tensor) -> Tensor:
    """Average SSIM over images, channels and all places where the window fits; values in [0, 1].

    Wang et al., 2004: Gaussian window of 11 pixels and deviation 1.5, K = (0.01, 0.03).
    """
    channels = first.shape[1]
    places = torch.arange(_SSIM_TAPS, dtype=first.dtype, device=first.device) - _SSIM_TAPS // 2
    taps = torch.exp(-places.square() / (2 * _SSIM_DEVIATION**2))
    taps = taps / taps.sum()

    def smooth(x: Tensor) -> Tensor:
        rows = functional.conv2d(x, taps.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
        return functional.conv2d(rows, taps.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)

    mean_1, mean_2 = smooth(first), smooth(second)
    variance_1 = smooth(first * first) - mean_1.square()
    variance_2 = smooth(second * second) - mean_2.square()
    covariance = smooth(first * second) - mean_1 * mean_2
    c1, c2 = 0.01**2, 0.03**2
    likeness = (2 * mean_1 * mean_2 + c1) * (2 * covariance + c2)
    return (likeness / ((mean_1.square() + mean_2.square() + c1) * (variance_1 + variance_2 + c2))).mean()


def negative_ssim(restored: Tensor, clean: Tensor) -> Tensor:
    """Compute PReNet's loss of its last stage: -1 for equal images; values in [0, 1]."""
    return -ssim(restored, clean)
