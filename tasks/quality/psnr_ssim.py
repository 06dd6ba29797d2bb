"""PSNR and SSIM exactly as the deraining papers' MATLAB scripts compute them."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import correlate1d

from bench.contract import FloatArray, Image

SSIM_WINDOW = 11
_SSIM_SIGMA = 1.5
_C1 = (0.01 * 255) ** 2
_C2 = (0.03 * 255) ** 2
_LUMA_WEIGHTS = (65.481, 128.553, 24.966)
_LUMA_OFFSET = 16.0


def luma(image: Image) -> FloatArray:
    """Luma Y of ITU-R BT.601 in studio range, rounded as MATLAB's ``rgb2ycbcr`` does for uint8.

    Args:
        image: (H, W, 3) uint8 RGB.

    Returns:
        (H, W) float64 of whole numbers in [16, 235].
    """
    levels = np.arange(256) / 255.0
    red, green, blue = (weight * levels for weight in _LUMA_WEIGHTS)
    unrounded = red[image[..., 0]] + green[image[..., 1]] + blue[image[..., 2]] + _LUMA_OFFSET
    # MATLAB rounds halves up here; numpy.round would round them to even.
    return np.asarray(np.floor(unrounded + 0.5), dtype=np.float64)


def psnr(image: FloatArray | Image, reference: FloatArray | Image) -> float:
    """Peak signal-to-noise ratio in dB for a peak of 255, over all values of the arrays.

    Returns:
        The ratio; infinity if the arrays are equal.
    """
    difference = np.asarray(image, dtype=np.float64) - np.asarray(reference, dtype=np.float64)
    mean_squared_error = float(np.mean(difference * difference))
    return 10.0 * float(np.log10(255.0**2 / mean_squared_error)) if mean_squared_error > 0 else float("inf")


def ssim_plane(plane: FloatArray, reference: FloatArray) -> float:
    """Structural similarity of two planes (Wang et al., IEEE TIP 2004, equation 13, ``ssim_index.m`` 1.0).

    Gaussian window of 11x11 with deviation 1.5, valid region only, K = (0.01, 0.03), no downsampling.

    Args:
        plane: (H, W) with values in [0, 255]; neither side shorter than 11.
        reference: The same shape.

    Returns:
        Mean of the similarity map, in [-1, 1].
    """
    if min(plane.shape) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs sides of at least {SSIM_WINDOW} pixels, got {plane.shape}")
    mean = _window(plane)
    mean_reference = _window(reference)
    product = mean * mean_reference
    squares = mean * mean + mean_reference * mean_reference
    # Only the sum of the two variances enters the formula, so four filters do instead of five.
    variances = _window(plane * plane + reference * reference) - squares
    covariance = _window(plane * reference) - product
    similarity = ((2 * product + _C1) * (2 * covariance + _C2)) / ((squares + _C1) * (variances + _C2))
    return float(similarity.mean())


def ssim_rgb(image: Image, reference: Image) -> float:
    """Mean of the structural similarities of the three channels."""
    pairs = ((image[..., channel], reference[..., channel]) for channel in range(3))
    return float(np.mean([ssim_plane(a.astype(np.float64), b.astype(np.float64)) for a, b in pairs]))


def _window(plane: FloatArray) -> FloatArray:
    offsets = np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2
    taps = np.exp(-(offsets**2) / (2 * _SSIM_SIGMA**2))
    taps /= taps.sum()
    margin = SSIM_WINDOW // 2
    rows = correlate1d(plane, taps, axis=0)[margin:-margin]
    return np.asarray(correlate1d(rows, taps, axis=1)[:, margin:-margin], dtype=np.float64)
