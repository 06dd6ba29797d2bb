"""Measure how much a rain costs: PSNR and SSIM of rainy images, over Y and over RGB."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from skimage.metrics import structural_similarity

from bench.contract import FloatArray, Image
from synth.rain.parameters import RainParameters
from synth.rain.renderer import render

_PERFECT_DB = 100.0


@dataclass(frozen=True)
class Spread:
    """One quality over many images: mean, standard deviation, 5th and 95th percentile."""

    mean: float
    deviation: float
    p5: float
    p95: float


@dataclass(frozen=True)
class Quality:
    """PSNR and SSIM of rainy photographs, in both conventions.

    Attributes:
        psnr_y: PSNR of Y in dB.
        ssim_y: SSIM of Y.
        psnr_rgb: PSNR of RGB in dB.
        ssim_rgb: SSIM of RGB, mean of the channels.
    """

    psnr_y: Spread
    ssim_y: Spread
    psnr_rgb: Spread
    ssim_rgb: Spread

    def of(self, convention: str) -> tuple[Spread, Spread]:
        """Return PSNR and SSIM of one convention."""
        return (self.psnr_y, self.ssim_y) if convention == "y" else (self.psnr_rgb, self.ssim_rgb)


def measure(
    photographs: Sequence[Image],
    parameters: RainParameters,
    severity: float = 1.0,
    depths: Sequence[FloatArray | None] | None = None,
) -> Quality:
    """Render rain on photographs, and measure PSNR and SSIM in both conventions."""
    rows = []
    for image, depth in zip(photographs, depths or [None] * len(photographs), strict=True):
        rainy = render(image, parameters, key_of_pixels(image), severity, depth).rainy
        rows.append([*quality(image, rainy, "y"), *quality(image, rainy, "rgb")])
    low, high = np.percentile(rows, [5, 95], axis=0)
    columns = zip(np.mean(rows, axis=0), np.std(rows, axis=0), low, high, strict=True)
    spreads = [Spread(*(round(float(value), 4) for value in column)) for column in columns]
    return Quality(*spreads)


def quality(clean: Image, rainy: Image, convention: str) -> tuple[float, float]:
    """Compute PSNR in dB (at most 100) and SSIM of one image."""
    first, second = (luma(image) if convention == "y" else image.astype(np.float32) for image in (clean, rainy))
    error = float(np.mean(np.square(first - second), dtype=np.float64))
    psnr = min(10.0 * np.log10(255.0**2 / error), _PERFECT_DB) if error > 0 else _PERFECT_DB
    ssim = structural_similarity(  # type: ignore[no-untyped-call]
        first,
        second,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255.0,
        channel_axis=None if convention == "y" else 2,
    )
    return float(psnr), float(ssim)


def luma(image: Image) -> npt.NDArray[np.float32]:
    """Compute Y of MATLAB's rgb2ycbcr, rounded: whole numbers from 16 to 235."""
    weights = np.array([65.481, 128.553, 24.966]) / 255.0
    return np.floor(16.5 + image @ weights).astype(np.float32)


def key_of_pixels(image: Image) -> str:
    """Make a key for rain from the photograph's pixels alone, whatever its name and place in a list."""
    return "pixels/" + hashlib.sha256(image.tobytes()).hexdigest()[:16]
