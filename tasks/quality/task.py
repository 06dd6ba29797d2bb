"""Measure how near every restored image is to its clean original, and how natural it looks: the task ``quality``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.contract import (
    Classes,
    Evidence,
    FloatArray,
    Image,
    ImageMeasure,
    IntArray,
    Options,
    Parameters,
    Qualities,
    Sample,
    Summary,
    Truth,
)
from bench.errors import ImageError
from bench.io.metrics import measure
from bench.io.weights import locate_weights
from bench.protocols import Judge
from tasks.models.checkpoints import published_weights
from tasks.quality.lpips import load_lpips, lpips_digests
from tasks.quality.metrics import NO_REFERENCE, QUALITY_METRICS, QualityMetric, Statistics, compare, look_at
from tasks.quality.niqe import read_niqe
from tasks.quality.psnr_ssim_torch import ON_GPU, compare_batch
from tasks.quality.sseq import read_sseq
from tasks.resampling import means
from tasks.settings import Settings, fingerprint, read_settings

VERSION = "1"
"""Raised by hand whenever a change of code changes a number of this task; see CONTRIBUTING.md."""

IDENTICAL = "identical_images"
"""Images equal to their clean original: their PSNR is infinite, so they are counted and left out of its mean."""


class QualitySettings(Settings):
    """Parameters of the quality task.

    Attributes:
        metrics: Names of what is measured. Those that are not measured by default cost more time, and ``lpips``,
            ``niqe`` and ``sseq`` need files of their authors.
    """

    metrics: tuple[QualityMetric, ...] = ("psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb")


@dataclass(frozen=True)
class QualityJudge:
    """Judge that measures the quality of restored images; nothing but arithmetic.

    Attributes:
        metrics: What is measured.
        statistics: For the metrics that were trained.
        device: PSNR and SSIM are computed there if it is a GPU.
    """

    metrics: tuple[QualityMetric, ...]
    statistics: Statistics
    device: str = "cpu"

    def __call__(self, images: Sequence[Image], samples: Sequence[Sample]) -> Sequence[Qualities]:
        """Measure several restored images."""
        known = self._on_gpu(images, samples)
        return [self._measure(*one) for one in zip(images, samples, known, strict=True)]

    def _on_gpu(self, images: Sequence[Image], samples: Sequence[Sample]) -> Sequence[Qualities]:
        cleans = [sample.clean for sample in samples if sample.clean is not None]
        one_size = len({image.shape for image in (*images, *cleans)}) == 1
        if not self.device.startswith("cuda") or len(cleans) != len(images) or not one_size:
            return [{} for _ in images]
        return compare_batch(images, cleans, self.metrics, self.device)

    def _measure(self, image: Image, sample: Sample, known: Qualities) -> Qualities:
        alone: Qualities = {**look_at(image, self.metrics, self.statistics)}
        if set(self.metrics) <= NO_REFERENCE:
            return alone
        if sample.clean is None:
            raise ImageError(f"{sample.id}: has no clean image to compare with")
        if image.shape != sample.clean.shape:
            raise ImageError(f"{sample.id}: restored image has shape {image.shape}, the clean one {sample.clean.shape}")
        identical = float(np.array_equal(image, sample.clean))
        others = [metric for metric in self.metrics if not (known and metric in ON_GPU)]
        return {**known, **compare(image, sample.clean, others, self.statistics), **alone, IDENTICAL: identical}


@dataclass(frozen=True)
class QualityTask:
    """Task ``quality``: image quality; the table's value is the mean over images."""

    settings: QualitySettings
    name: str = "quality"
    version: str = VERSION
    model: str = ""

    @property
    def protocol(self) -> str:
        """Definitions of the metrics in one line."""
        return (
            "mean over images; psnr_y, ssim_y: MATLAB rgb2ycbcr rounded, peak 255, SSIM 11x11 sigma 1.5 valid; "
            "psnr_rgb over all channels, ssim_rgb mean of channels; equal images have no PSNR and are counted"
        )

    @property
    def needs(self) -> frozenset[Literal["clean", "boxes", "masks", "label_map"]]:
        """Parts that a sample must have: the clean image, unless all metrics do without."""
        return frozenset() if set(self.settings.metrics) <= NO_REFERENCE else frozenset({"clean"})

    @property
    def fingerprint(self) -> str:
        """Text of the metrics and the digests of their authors' files."""
        wanted = sorted(self.settings.metrics)
        files = {name: published_weights()[name][0].sha256 for name in wanted if name in NO_REFERENCE}
        if "lpips" in wanted:
            files["lpips"] = "+".join(lpips_digests())
        return fingerprint(task=self.name, metrics=wanted, files=files)

    @property
    def scoring(self) -> Parameters:
        """Parameters that make a task which scores in the same way: the metrics."""
        return {"metrics": self.settings.metrics}

    def judge(self, options: Options) -> Judge:
        """Load the trained parts of the metrics.

        Raises:
            UserError: A file cannot be had.
        """
        wanted = self.settings.metrics
        statistics = Statistics(
            lpips=load_lpips(options) if "lpips" in wanted else None,
            niqe=read_niqe(locate_weights(published_weights()["niqe"][0], options)) if "niqe" in wanted else None,
            sseq=read_sseq(locate_weights(published_weights()["sseq"][0], options)) if "sseq" in wanted else None,
        )
        return QualityJudge(wanted, statistics, options.device)

    def summarise(self, evidence: Mapping[str, Evidence], truths: Mapping[str, Truth]) -> Summary:
        """Compute the mean of every metric over the images that have it."""
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
            measure(metric, math.fsum(found) / len(found), len(found))
            for metric in QUALITY_METRICS
            if (found := values.get(metric))
        ]
        if counted := values.get(IDENTICAL):
            measures.append(measure(IDENTICAL, math.fsum(counted), len(counted)))
        return Summary(tuple(measures), tuple(per_image))

    def resample(
        self, evidence: Mapping[str, Evidence], truths: Mapping[str, Truth], weights: IntArray
    ) -> Mapping[str, FloatArray]:
        """Compute the mean of every metric on every resample, over the images that have it."""
        rows = [row if isinstance(row := evidence[id], Mapping) else {} for id in evidence]
        return means(rows, QUALITY_METRICS, weights)


def build(parameters: Parameters, classes: Classes) -> QualityTask:
    """Make the quality task; classes play no part in it.

    Raises:
        UserError: A wrong parameter.
    """
    return QualityTask(read_settings(QualitySettings, parameters, "quality"))
