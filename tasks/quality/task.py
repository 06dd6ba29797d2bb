"""The quality task: PSNR and SSIM of every restored image against its clean original."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.contract import (
    Classes,
    Evidence,
    Image,
    ImageMeasure,
    Judge,
    Measure,
    Options,
    Parameters,
    Qualities,
    Sample,
    Summary,
    Truth,
)
from bench.errors import ImageError
from tasks.quality.psnr_ssim import SSIM_WINDOW, luma, psnr, ssim_plane, ssim_rgb
from tasks.settings import Settings, fingerprint, read_settings

UNITS = {"psnr_y": "dB", "ssim_y": "", "psnr_rgb": "dB", "ssim_rgb": ""}
IDENTICAL = "identical_images"
"""Images equal to their clean original: their PSNR is infinite, so they are counted and left out of its mean."""


class QualitySettings(Settings):
    """The quality task has no parameters yet."""


@dataclass(frozen=True)
class QualityTask:
    """PSNR and SSIM, on rounded luma as in MATLAB and on RGB; the table's value is the mean over images."""

    settings: QualitySettings
    name: str = "quality"
    model: str = ""
    protocol: str = (
        "mean over images; psnr_y, ssim_y: MATLAB rgb2ycbcr rounded, peak 255, SSIM 11x11 sigma 1.5 valid; "
        "psnr_rgb over all channels, ssim_rgb mean of channels; equal images have no PSNR and are counted"
    )

    @property
    def needs(self) -> frozenset[Literal["clean", "boxes", "masks", "label_map"]]:
        """Quality compares with the clean image."""
        return frozenset({"clean"})

    @property
    def fingerprint(self) -> str:
        """The list of metrics; their arithmetic is in the code version."""
        return fingerprint(task=self.name, metrics=list(UNITS))

    def judge(self, options: Options) -> Judge:
        """Nothing is loaded: quality is arithmetic."""
        return judge_batch

    def summarise(self, evidence: Mapping[str, Evidence], truths: Mapping[str, Truth]) -> Summary:
        """Mean of every metric over the images that have it."""
        per_image: list[ImageMeasure] = []
        values: dict[str, list[float]] = {}
        for id in evidence:
            qualities = evidence[id]
            if not isinstance(qualities, Mapping):
                raise TypeError(f"{id}: expected a row of qualities, got {type(qualities).__name__}")
            for metric, value in qualities.items():
                values.setdefault(metric, []).append(value)
                per_image.append(ImageMeasure(id, metric, value))
        measures = [
            Measure(metric, math.fsum(found) / len(found), unit, len(found))
            for metric, unit in UNITS.items()
            if (found := values.get(metric))
        ]
        if counted := values.get(IDENTICAL):
            measures.append(Measure(IDENTICAL, math.fsum(counted), "", len(counted)))
        return Summary(tuple(measures), tuple(per_image))


def build(parameters: Parameters, classes: Classes) -> QualityTask:
    """Make the quality task; classes play no part in it."""
    return QualityTask(read_settings(QualitySettings, parameters, "quality"))


def judge_batch(images: Sequence[Image], samples: Sequence[Sample]) -> Sequence[Qualities]:
    """Measure several restored images."""
    return [_judge_one(image, sample) for image, sample in zip(images, samples, strict=True)]


def measure_quality(image: Image, clean: Image) -> Qualities:
    """Every quality of one restored image that is defined.

    Args:
        image: (H, W, 3) uint8 RGB.
        clean: The same shape.

    Returns:
        Metric to value. PSNR is left out where it is infinite, SSIM where a side is shorter than 11 pixels.
    """
    image_luma, clean_luma = luma(image), luma(clean)
    formulas: dict[str, Callable[[], float]] = {"psnr_y": lambda: psnr(image_luma, clean_luma)}
    if min(image_luma.shape) >= SSIM_WINDOW:
        formulas["ssim_y"] = lambda: ssim_plane(image_luma, clean_luma)
    formulas["psnr_rgb"] = lambda: psnr(image, clean)
    if min(image_luma.shape) >= SSIM_WINDOW:
        formulas["ssim_rgb"] = lambda: ssim_rgb(image, clean)
    found = {metric: formula() for metric, formula in formulas.items()}
    finite = {metric: value for metric, value in found.items() if math.isfinite(value)}
    return {**finite, IDENTICAL: float("psnr_rgb" not in finite)}


def _judge_one(image: Image, sample: Sample) -> Qualities:
    if sample.clean is None:
        raise ImageError(f"{sample.id}: has no clean image to compare with")
    if image.shape != sample.clean.shape:
        raise ImageError(f"{sample.id}: restored image has shape {image.shape}, the clean one {sample.clean.shape}")
    return measure_quality(image, sample.clean)
