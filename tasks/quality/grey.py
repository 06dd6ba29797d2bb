"""Compute grey values and halved planes as MATLAB does."""

from __future__ import annotations

import numpy as np

from bench.contract import FloatArray, Image

_WEIGHTS = (0.298936, 0.587043, 0.114021)


def grey_of(image: Image) -> FloatArray:
    """Convert a uint8 RGB image to grey as ``rgb2gray`` does: (H, W), rounded, in [0, 255]."""
    return np.asarray(np.floor(image.astype(np.float64) @ np.array(_WEIGHTS) + 0.5), dtype=np.float64)


def halve(plane: FloatArray) -> FloatArray:
    """Halve a plane as ``imresize(plane, 0.5)`` does: bicubic with antialiasing (Keys, a = -0.5, stretched twofold)."""
    return _halve_rows(_halve_rows(plane).T).T


def _halve_rows(plane: FloatArray) -> FloatArray:
    length = len(plane)
    taps = np.arange(-3, 5)
    weights = _cubic((taps - 0.5) / 2)
    weights /= weights.sum()
    rows = 2 * np.arange(-(-length // 2))[:, None] + taps[None, :]
    # Beyond the border the image is mirrored with its edge row repeated, as often as it takes.
    rows %= 2 * length
    rows = np.minimum(rows, 2 * length - 1 - rows)
    return np.asarray(np.einsum("ntw,t->nw", plane[rows], weights))


def _cubic(distance: FloatArray) -> FloatArray:
    """Evaluate Keys' kernel at distances of at most 2."""
    x = np.abs(distance)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.asarray(np.where(x <= 1, near, far))
