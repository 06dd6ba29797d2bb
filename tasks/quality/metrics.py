"""Compute the qualities of one restored image by the names of their metrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from bench.contract import Image
from tasks.quality.fsim import fsim
from tasks.quality.lpips import LEAST_SIDE as LPIPS_LEAST_SIDE
from tasks.quality.lpips import Lpips
from tasks.quality.niqe import NiqeModel, niqe
from tasks.quality.psnr_ssim import MS_SSIM_LEAST_SIDE, SSIM_WINDOW, luma, ms_ssim_plane, psnr, ssim_plane, ssim_rgb
from tasks.quality.sseq import SseqModel, sseq

QualityMetric: TypeAlias = Literal[
    "psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb", "ms_ssim_y", "fsim", "fsimc", "lpips", "niqe", "sseq"
]

QUALITY_METRICS: tuple[QualityMetric, ...] = get_args(QualityMetric)
"""Metrics in the order of the tables; ``bench/io/metrics.csv`` has the unit and the direction of each."""

NO_REFERENCE: frozenset[QualityMetric] = frozenset({"niqe", "sseq"})
"""Metrics that need no clean image, but the statistics of their authors."""

FSIM_LEAST_SIDE = 16
"""Below this the phase congruency of four scales has no meaning."""


@dataclass(frozen=True)
class Statistics:
    """Trained parts of the metrics that need some; None where a metric is not wanted."""

    lpips: Lpips | None = None
    niqe: NiqeModel | None = None
    sseq: SseqModel | None = None


NOTHING_TRAINED = Statistics()


def compare(
    image: Image, clean: Image, wanted: Sequence[QualityMetric], statistics: Statistics = NOTHING_TRAINED
) -> dict[str, float]:
    """Compute the full-reference qualities of one restored image.

    Args:
        image: (H, W, 3) uint8 RGB.
        clean: The same shape.
        wanted: Metrics to compute; those without reference are passed over.
        statistics: For ``lpips``, which is passed over without.

    Returns:
        Metric to value. What is undefined is left out: PSNR where it is infinite, the similarities where a
        side is too short for them.
    """
    found: dict[str, float] = {}
    least_side = min(image.shape[:2])
    if {"psnr_y", "ssim_y", "ms_ssim_y"} & set(wanted):
        planes = luma(image), luma(clean)
        found["psnr_y"] = psnr(*planes)
        if "ssim_y" in wanted and least_side >= SSIM_WINDOW:
            found["ssim_y"] = ssim_plane(*planes)
        if "ms_ssim_y" in wanted and least_side >= MS_SSIM_LEAST_SIDE:
            found["ms_ssim_y"] = ms_ssim_plane(*planes)
    if "psnr_rgb" in wanted:
        found["psnr_rgb"] = psnr(image, clean)
    if "ssim_rgb" in wanted and least_side >= SSIM_WINDOW:
        found["ssim_rgb"] = ssim_rgb(image, clean)
    if {"fsim", "fsimc"} & set(wanted) and least_side >= FSIM_LEAST_SIDE:
        found["fsim"], found["fsimc"] = fsim(image, clean)
    if statistics.lpips is not None and least_side >= LPIPS_LEAST_SIDE:
        found["lpips"] = statistics.lpips(image, clean)
    return {metric: value for metric, value in found.items() if metric in wanted and math.isfinite(value)}


def look_at(image: Image, wanted: Sequence[QualityMetric], statistics: Statistics) -> dict[str, float]:
    """Compute the no-reference qualities of one restored image; undefined ones are left out."""
    found: dict[str, Callable[[], float | None]] = {}
    if statistics.niqe is not None:
        model = statistics.niqe
        found["niqe"] = lambda: niqe(image, model)
    if statistics.sseq is not None:
        machines = statistics.sseq
        found["sseq"] = lambda: sseq(image, machines)
    values = {metric: formula() for metric, formula in found.items() if metric in wanted}
    return {metric: value for metric, value in values.items() if value is not None and math.isfinite(value)}
