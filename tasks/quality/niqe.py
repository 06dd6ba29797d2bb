"""Compute NIQE (Mittal et al., IEEE SPL 2013) as the release of its authors does; lower is better."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.ndimage import correlate1d
from scipy.special import gamma

from bench.contract import FloatArray, Image
from bench.errors import UserError
from tasks.quality.grey import grey_of, halve

BLOCK = 96
LEAST_SIDE = 2 * BLOCK
"""Smaller images have too few blocks for a covariance."""

_SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))


@dataclass(frozen=True)
class NiqeModel:
    """Statistics of pristine photographs.

    Attributes:
        mean: (36,) mean of the features.
        covariance: (36, 36).
    """

    mean: FloatArray
    covariance: FloatArray


def read_niqe(path: Path) -> NiqeModel:
    """Read the release's ``modelparameters.mat``.

    Raises:
        UserError: It is another file.
    """
    from scipy.io import loadmat

    try:
        content = loadmat(path)
        model = NiqeModel(content["mu_prisparam"].ravel(), content["cov_prisparam"])
    except Exception as error:  # the reader of MATLAB files has no exception of its own
        raise UserError(f"{path}: not the parameters of NIQE ({type(error).__name__}: {error})") from error
    if model.mean.shape != (36,) or model.covariance.shape != (36, 36):
        raise UserError(f"{path}: expected statistics of 36 features, found {model.mean.shape}")
    return model


def niqe(image: Image, model: NiqeModel) -> float | None:
    """Compute the distance of an image's statistics from those of pristine photographs.

    Args:
        image: (H, W, 3) uint8 RGB.
        model: The pristine statistics.

    Returns:
        The distance; None if a side is shorter than 192 pixels or fewer than two blocks have statistics.
    """
    grey = grey_of(image)
    height, width = (side // BLOCK * BLOCK for side in grey.shape)
    if min(height, width) < LEAST_SIDE:
        return None
    grey = grey[:height, :width]
    features = np.concatenate([_features(grey, BLOCK), _features(halve(grey), BLOCK // 2)], axis=1)
    whole = features[~np.isnan(features).any(axis=1)]
    if len(whole) < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        difference = model.mean - np.nanmean(features, axis=0)
    spread = (model.covariance + np.cov(whole, rowvar=False)) / 2
    return float(np.sqrt(difference @ np.linalg.pinv(spread) @ difference))


def _features(plane: FloatArray, block: int) -> FloatArray:
    """Compute the features of all blocks at one scale: (blocks, 18)."""
    normalised = _normalise(plane)
    rows, columns = (side // block for side in plane.shape)
    blocks = normalised.reshape(rows, block, columns, block).swapaxes(1, 2).reshape(-1, block, block)
    return np.array([_features_of_block(one) for one in blocks])


def _normalise(plane: FloatArray) -> FloatArray:
    """Subtract the local mean and divide by the local deviation plus one."""
    mean = _window(plane)
    deviation = np.sqrt(np.abs(_window(plane * plane) - mean * mean))
    return np.asarray((plane - mean) / (deviation + 1))


def _window(plane: FloatArray) -> FloatArray:
    taps = np.exp(-(np.arange(-3, 4) ** 2) / (2 * (7 / 6) ** 2))
    taps /= taps.sum()
    return np.asarray(correlate1d(correlate1d(plane, taps, axis=0, mode="nearest"), taps, axis=1, mode="nearest"))


def _features_of_block(block: FloatArray) -> list[float]:
    shape, left, right = _fit(block)
    found = [shape, (left + right) / 2]
    for shift in _SHIFTS:
        shape, left, right = _fit(block * np.roll(block, shift, axis=(0, 1)))
        found += [shape, (right - left) * float(gamma(2 / shape) / gamma(1 / shape)), left, right]
    return found


def _fit(values: FloatArray) -> tuple[float, float, float]:
    """Fit an asymmetric generalised Gaussian by moments: shape, left and right scale (NaN on an empty side)."""
    shapes, ratios = _ratios()
    left, right = (_root_mean_square(values[side]) for side in (values < 0, values > 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        balance = np.divide(left, right)
        moments = np.mean(np.abs(values)) ** 2 / np.mean(values**2)
        wanted = moments * (balance**3 + 1) * (balance + 1) / (balance**2 + 1) ** 2
    shape = float(shapes[np.argmin((ratios - wanted) ** 2)])
    scale = float(np.sqrt(gamma(1 / shape) / gamma(3 / shape)))
    return shape, left * scale, right * scale


@cache
def _ratios() -> tuple[FloatArray, FloatArray]:
    shapes = np.arange(0.2, 10.0005, 0.001)
    return shapes, gamma(2 / shapes) ** 2 / (gamma(1 / shapes) * gamma(3 / shapes))


def _root_mean_square(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values**2))) if len(values) else float("nan")
