"""Fit the two gains of a rain, so that "COCO350" is as hard on anybody's photographs as it was in print.

More veil costs PSNR, more streaks cost SSIM, so two gains meet two targets: damped Broyden iterations on the
logarithms of the gains. Every evaluation rains the same streaks (keys follow from the pixels), so that the means
are smooth functions of the gains. Only the means are fitted; the spread between images stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.contract import FloatArray, Image
from bench.errors import UserError
from bench.io.files import key_of
from synth.rain.parameters import RainParameters
from synth.rain.quality import Quality, key_of_pixels, measure, quality
from synth.rain.renderer import arrange, finish
from synth.rain.streaks import splat

__all__ = ["CONVENTIONS", "FEWEST", "PUBLISHED", "Calibration", "Quality", "calibrate", "measure"]

PUBLISHED: dict[str, tuple[float, float]] = {
    "coco350": (14.79, 0.648),
    "bdd350": (14.13, 0.470),
    "bdd150": (18.00, 0.722),
}
"""Mean PSNR and SSIM of the rainy images (Jiang et al., CVPR 2020, Table 6). Of which channel is not said there."""

CONVENTIONS = ("y", "rgb")
"""Y of MATLAB's rgb2ycbcr, rounded; or the three channels together."""

FEWEST = 8
"""Photographs needed; 64 or more are advised (8 miss the mean of others by half a decibel)."""

_SSIM_WEIGHT = 20.0  # 0.05 of SSIM weighs as much as 1 dB
_CLOSE_DB, _CLOSE_SSIM = 0.01, 0.001
_MOST_STEPS = 40
_DB_PER_LOG_GAIN = 7.0  # PSNR lost when both gains grow by a factor e; 8.7 for faint rain, less for heavy rain
_LOW, _HIGH = np.log(1e-3), np.log(30.0)  # of both gains

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Calibration:
    """A calibrated rain and how well it meets its targets.

    Attributes:
        parameters: The rain with both gains fitted.
        convention: ``y`` or ``rgb``.
        target_psnr: Wanted mean PSNR, dB.
        target_ssim: Wanted mean SSIM.
        achieved: What the calibrated rain does to these photographs.
        photographs: How many.
        digest: Names exactly these photographs, in any order.
        evaluations: How often all of them were rained on.
    """

    parameters: RainParameters
    convention: str
    target_psnr: float
    target_ssim: float
    achieved: Quality
    photographs: int
    digest: str
    evaluations: int


def calibrate(
    photographs: Sequence[Image],
    parameters: RainParameters,
    target_psnr: float,
    target_ssim: float,
    convention: str = "y",
    depths: Sequence[FloatArray | None] | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """Fit ``brightness`` and ``veil`` so that the means over the photographs meet the targets.

    Args:
        photographs: (H, W, 3) uint8 RGB each, without rain.
        parameters: The rain to start from, such as ``preset("coco350_y")``.
        target_psnr: Mean over images of the PSNR against the photograph, dB.
        target_ssim: Mean over images of the SSIM (Gaussian window, sigma 1.5, 11 x 11).
        convention: ``y`` or ``rgb``.
        depths: One depth map or None per photograph.
        progress: Called with one line per evaluation.

    Raises:
        UserError: Too few photographs, an unknown convention, or targets that no pair of gains reaches; the
            attainable SSIM is then given.
    """
    if convention not in CONVENTIONS:
        raise UserError(f"calibration: expected the convention {' or '.join(CONVENTIONS)}, got {convention!r}")
    if len(photographs) < FEWEST:
        raise UserError(f"calibration: expected at least {FEWEST} photographs, got {len(photographs)}; add more")
    bench = _Bench(photographs, parameters, depths, convention, (target_psnr, target_ssim), progress)
    gains = _solve(bench, parameters)
    if gains is None:
        raise UserError(_refusal(bench))
    fitted = bench.with_gains(gains)
    names = sorted(hashlib.sha256(image.tobytes()).hexdigest() for image in photographs)
    return Calibration(
        parameters=fitted,
        convention=convention,
        target_psnr=target_psnr,
        target_ssim=target_ssim,
        achieved=measure(photographs, fitted, depths=depths),
        photographs=len(photographs),
        digest=key_of(names),
        evaluations=bench.evaluations,
    )


class _Bench:
    """Photographs with their streaks, kept between evaluations: only gains change."""

    def __init__(
        self,
        photographs: Sequence[Image],
        parameters: RainParameters,
        depths: Sequence[FloatArray | None] | None,
        convention: str,
        target: tuple[float, float],
        progress: Progress | None,
    ) -> None:
        self.photographs = photographs
        self.parameters = parameters
        self.convention = convention
        self.target = target
        self.progress = progress
        self.evaluations = 0
        maps = depths or [None] * len(photographs)
        self.scenes = [
            arrange(image, parameters, key_of_pixels(image), 1.0, depth)
            for image, depth in zip(photographs, maps, strict=True)
        ]
        self.planes = [
            splat(scene.streaks, parameters, (image.shape[0], image.shape[1]))
            for image, scene in zip(photographs, self.scenes, strict=True)
        ]

    def with_gains(self, gains: FloatArray) -> RainParameters:
        """Set the gains of the rain, given as logarithms, in four digits."""
        brightness, veil = (float(f"{gain:.4g}") for gain in np.exp(gains))
        return replace(self.parameters, brightness=brightness, veil=veil)

    def means(self, parameters: RainParameters) -> FloatArray:
        """Compute the mean PSNR and SSIM over the photographs."""
        values = []
        for image, scene, plane in zip(self.photographs, self.scenes, self.planes, strict=True):
            rainy = finish(image, scene, plane, parameters).rainy
            values.append(quality(image, rainy, self.convention))
        self.evaluations += 1
        means = np.mean(values, axis=0)
        if self.progress:
            p = parameters
            self.progress(f"brightness {p.brightness:.4g}, veil {p.veil:.4g}: {means[0]:.2f} dB, {means[1]:.4f}")
        return np.asarray(means)

    def miss(self, gains: FloatArray) -> FloatArray:
        """Compute the distance from the targets, in dB, and in SSIM weighed like dB."""
        difference = self.means(self.with_gains(gains)) - self.target
        return np.asarray(difference * (1.0, _SSIM_WEIGHT))


def _solve(bench: _Bench, start: RainParameters) -> FloatArray | None:
    """Solve for the logarithms of both gains by damped Broyden steps; None when the targets are not met.

    Both gains together are first brought to where the PSNR is about right. Slopes are taken afresh after a step
    that did not halve the miss.
    """
    x = np.clip(np.log(np.maximum([start.brightness, start.veil], 0.05)), _LOW, _HIGH)
    f = bench.miss(x)
    while abs(f[0]) > 1.0 and bench.evaluations < _MOST_STEPS / 3:
        x = np.clip(x + f[0] / _DB_PER_LOG_GAIN, _LOW, _HIGH)
        f = bench.miss(x)
    slopes = _slopes(bench, x, f)
    while bench.evaluations < _MOST_STEPS:
        if abs(f[0]) < _CLOSE_DB and abs(f[1]) < _CLOSE_SSIM * _SSIM_WEIGHT:
            return x
        step = np.asarray(-np.linalg.lstsq(slopes, f, rcond=1e-6)[0], dtype=np.float64)
        step *= min(1.0, 0.8 / max(np.abs(step).max(), 1e-9))
        moved, g = _downhill(bench, x, f, step)
        if not moved.any():
            return None
        slow = float(np.linalg.norm(g)) > 0.5 * float(np.linalg.norm(f))
        x = x + moved
        slopes = _slopes(bench, x, g) if slow else slopes + np.outer(g - f - slopes @ moved, moved) / (moved @ moved)
        f = g
    return None


def _downhill(bench: _Bench, x: FloatArray, f: FloatArray, step: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shorten a step to the greatest of its halves, quarters, eighths that comes nearer; none at all if none does."""
    for damping in (1.0, 0.5, 0.25, 0.125):
        moved = np.clip(x + damping * step, _LOW, _HIGH) - x
        g = bench.miss(x + moved)
        if np.linalg.norm(g) < np.linalg.norm(f):
            return moved, g
    return np.zeros(2), f


def _slopes(bench: _Bench, x: FloatArray, f: FloatArray) -> FloatArray:
    """Compute the change of both misses per change of either logarithm."""
    return np.column_stack([(bench.miss(x + step) - f) / 0.2 for step in 0.2 * np.eye(2)])


def _refusal(bench: _Bench) -> str:
    """Say why the targets cannot be met: what streaks alone and the veil alone give at the wanted PSNR."""
    psnr, ssim = bench.target
    streaks, veil = (_alone(bench, name) for name in ("brightness", "veil"))
    return (
        f"calibration: no gains give {psnr:g} dB with SSIM {ssim:g} ({bench.convention}) on these "
        f"{len(bench.photographs)} photographs. Streaks alone come to {streaks[0]:.2f} dB with SSIM {streaks[1]:.3f}, "
        f"the veil alone to {veil[0]:.2f} dB with SSIM {veil[1]:.3f}. Choose targets between, or change density, "
        "width or length"
    )


def _alone(bench: _Bench, name: str) -> FloatArray:
    """Compute mean PSNR and SSIM with one gain only, as near to the wanted PSNR as it gets (bisection)."""
    low, high = _LOW, _HIGH
    means = np.zeros(2)
    for _ in range(10):
        middle = (low + high) / 2
        gains = {"brightness": 0.0, "veil": 0.0, name: float(np.exp(middle))}
        means = bench.means(bench.parameters.with_changes(gains))
        low, high = (middle, high) if means[0] > bench.target[0] else (low, middle)
    return means
