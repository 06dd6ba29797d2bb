"""PSNR and SSIM exactly as the deraining papers' MATLAB scripts compute them."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import correlate1d

from bench.contract import FloatArray, Image

SSIM_WINDOW = 11
MS_SSIM_LEAST_SIDE = (SSIM_WINDOW - 1) * 2**4 + 1
_MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
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
    luminance, structure = _similarity_maps(plane, reference)
    return float((luminance * structure).mean())


def ms_ssim_plane(plane: FloatArray, reference: FloatArray) -> float:
    """Multi-scale structural similarity (Wang et al., Asilomar 2003, equation 7 with its weights).

    Between scales the planes are averaged over 2x2 pixels; an odd last row or column is repeated.

    Args:
        plane: (H, W) with values in [0, 255]; neither side shorter than ``MS_SSIM_LEAST_SIDE``.
        reference: The same shape.

    Returns:
        The product over five scales, in [0, 1]; zero where the mean structure of a scale is negative.
    """
    product = 1.0
    for scale, weight in enumerate(_MS_SSIM_WEIGHTS):
        luminance, structure = _similarity_maps(plane, reference)
        last = scale == len(_MS_SSIM_WEIGHTS) - 1
        mean = float((luminance * structure).mean() if last else structure.mean())
        product *= max(mean, 0.0) ** weight
        if not last:
            plane, reference = _halve(plane), _halve(reference)
    return product


def ssim_rgb(image: Image, reference: Image) -> float:
    """Mean of the structural similarities of the three channels."""
    pairs = ((image[..., channel], reference[..., channel]) for channel in range(3))
    return float(np.mean([ssim_plane(a.astype(np.float64), b.astype(np.float64)) for a, b in pairs]))


def _similarity_maps(plane: FloatArray, reference: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Luminance term, and contrast times structure, over the valid region: both (H - 10, W - 10)."""
    if min(plane.shape) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs sides of at least {SSIM_WINDOW} pixels, got {plane.shape}")
    mean = _window(plane)
    mean_reference = _window(reference)
    product = mean * mean_reference
    squares = mean * mean + mean_reference * mean_reference
    # Only the sum of the two variances enters the formula, so four filters do instead of five.
    variances = _window(plane * plane + reference * reference) - squares
    covariance = _window(plane * reference) - product
    return (2 * product + _C1) / (squares + _C1), (2 * covariance + _C2) / (variances + _C2)


def _halve(plane: FloatArray) -> FloatArray:
    even = np.pad(plane, [(0, side % 2) for side in plane.shape], mode="edge")
    return np.asarray((even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4)


def _window(plane: FloatArray) -> FloatArray:
    offsets = np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2
    taps = np.exp(-(offsets**2) / (2 * _SSIM_SIGMA**2))
    taps /= taps.sum()
    margin = SSIM_WINDOW // 2
    rows = correlate1d(plane, taps, axis=0)[margin:-margin]
    return np.asarray(correlate1d(rows, taps, axis=1)[:, margin:-margin], dtype=np.float64)
