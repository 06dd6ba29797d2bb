"""Compute PSNR and SSIM exactly as the deraining papers' MATLAB scripts do."""

from __future__ import annotations

import numpy as np

from bench.contract import FloatArray, Image

SSIM_WINDOW = 11
_MARGIN = SSIM_WINDOW - 1
_STRIP = 32
MS_SSIM_LEAST_SIDE = (SSIM_WINDOW - 1) * 2**4 + 1
_MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_SSIM_SIGMA = 1.5
C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2
_LUMA_WEIGHTS = (65.481, 128.553, 24.966)
LUMA_OFFSET = 16.0


def luma(image: Image) -> FloatArray:
    """Convert an RGB image to luma: Y of ITU-R BT.601 in studio range, rounded as MATLAB's ``rgb2ycbcr`` does.

    Args:
        image: (H, W, 3) uint8 RGB.

    Returns:
        (H, W) float64 of whole numbers in [16, 235].
    """
    red, green, blue = (term[image[..., channel]] for channel, term in luma_terms())
    unrounded = red + green + blue + LUMA_OFFSET  # in this order: halves depend on it
    # MATLAB rounds halves up here; numpy.round would round them to even.
    return np.asarray(np.floor(unrounded + 0.5), dtype=np.float64)


def luma_terms() -> tuple[tuple[int, FloatArray], ...]:
    """List each channel's number, and its share in the luma for each of 256 values; ``LUMA_OFFSET`` comes last."""
    levels = np.arange(256) / 255.0
    return tuple((channel, weight * levels) for channel, weight in enumerate(_LUMA_WEIGHTS))


def psnr(image: FloatArray | Image, reference: FloatArray | Image) -> float:
    """Compute the peak signal-to-noise ratio in dB for a peak of 255, over all values of the arrays.

    Returns:
        The ratio; infinity if the arrays are equal.
    """
    difference = np.subtract(image, reference, dtype=np.float64)
    mean_squared_error = float(np.vdot(difference, difference)) / difference.size
    return 10.0 * float(np.log10(255.0**2 / mean_squared_error)) if mean_squared_error > 0 else float("inf")


def ssim_plane(plane: FloatArray, reference: FloatArray) -> float:
    """Compute the structural similarity of two planes (Wang et al., IEEE TIP 2004, equation 13, ``ssim_index.m`` 1.0).

    Gaussian window of 11x11 with deviation 1.5, valid region only, K = (0.01, 0.03), no downsampling.

    Args:
        plane: (H, W) with values in [0, 255]; neither side shorter than 11.
        reference: The same shape.

    Returns:
        Mean of the similarity map, in [-1, 1].
    """
    return _similarities(plane, reference)[0]


def ms_ssim_plane(plane: FloatArray, reference: FloatArray) -> float:
    """Compute the multi-scale structural similarity of two planes (Wang et al., Asilomar 2003, equation 7).

    Between scales the planes are averaged over 2x2 pixels; an odd last row or column is repeated.

    Args:
        plane: (H, W) with values in [0, 255]; neither side shorter than ``MS_SSIM_LEAST_SIDE``.
        reference: The same shape.

    Returns:
        The product over five scales, in [0, 1]; zero where the mean structure of a scale is negative.
    """
    product = 1.0
    for scale, weight in enumerate(_MS_SSIM_WEIGHTS):
        similarity, structure = _similarities(plane, reference)
        last = scale == len(_MS_SSIM_WEIGHTS) - 1
        mean = similarity if last else structure
        product *= max(mean, 0.0) ** weight
        if not last:
            plane, reference = _halve(plane), _halve(reference)
    return product


def ssim_rgb(image: Image, reference: Image) -> float:
    """Compute the mean of the structural similarities of the three channels."""
    pairs = ((image[..., channel], reference[..., channel]) for channel in range(3))
    return float(np.mean([ssim_plane(a.astype(np.float64), b.astype(np.float64)) for a, b in pairs]))


def _similarities(plane: FloatArray, reference: FloatArray) -> tuple[float, float]:
    """Compute the mean similarity, and the mean of contrast times structure, over the valid region."""
    height, width = plane.shape
    if min(height, width) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs sides of at least {SSIM_WINDOW} pixels, got {plane.shape}")
    similarity = structure = 0.0
    for top in range(0, height - _MARGIN, _STRIP):
        rows = slice(top, min(top + _STRIP + _MARGIN, height))  # strips stay in the processor's cache
        of_strip, structure_of_strip = _strip_maps(plane[rows], reference[rows])
        similarity += float(of_strip.sum())
        structure += float(structure_of_strip.sum())
    pixels = (height - _MARGIN) * (width - _MARGIN)
    return similarity / pixels, structure / pixels


def _strip_maps(plane: FloatArray, reference: FloatArray) -> tuple[FloatArray, FloatArray]:
    # Only the sum of the two variances enters the formula, so four filters do instead of five.
    powers = plane * plane + reference * reference
    mean, mean_reference, power, correlation = _windows(np.stack([plane, reference, powers, plane * reference]))
    product = mean * mean_reference
    squares = mean * mean + mean_reference * mean_reference
    structure = (2 * (correlation - product) + C2) / (power - squares + C2)
    return structure * (2 * product + C1) / (squares + C1), structure


def _halve(plane: FloatArray) -> FloatArray:
    even = np.pad(plane, [(0, side % 2) for side in plane.shape], mode="edge")
    return np.asarray((even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4)


def window_taps() -> FloatArray:
    """Make the Gaussian window in one direction: (11,), its sum is 1."""
    offsets = np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2
    taps = np.exp(-(offsets**2) / (2 * _SSIM_SIGMA**2))
    return np.asarray(taps / taps.sum())


def _band() -> FloatArray:
    """Make the (32, 42) matrix whose row k holds the window's taps from column k on."""
    taps = window_taps()
    band = np.zeros((_STRIP, _STRIP + _MARGIN))
    for row in range(_STRIP):
        band[row, row : row + SSIM_WINDOW] = taps
    return band


_BAND = _band()


def _windows(planes: FloatArray) -> FloatArray:
    """Compute Gaussian means of (N, h + 10, w + 10) planes, h at most 32: (N, h, w).

    Products with a narrow band matrix, for BLAS multiplies faster than any filter slides.
    """
    count, height, width = planes.shape
    height, width = height - _MARGIN, width - _MARGIN
    rows = (_BAND[:height, : height + _MARGIN] @ planes).reshape(count * height, -1)
    found = np.empty((count * height, width))
    for left in range(0, width, _STRIP):
        columns = min(_STRIP, width - left)
        band = _BAND[:columns, : columns + _MARGIN]
        found[:, left : left + columns] = rows[:, left : left + columns + _MARGIN] @ band.T
    return found.reshape(count, height, width)
