"""Measure how often the intervals of AP, mIoU and mPA hold the truth, on drawn evidence with many rare classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from bench.contract import FloatArray, IntArray
from bench.scoring.statistics import draw_subsets, draw_weights, interval, widen
from bench.scoring.summary import SUBSETS
from tasks.detection.resampling import ClassMatches, resampled_averages
from tasks.semantic.resampling import resampled_scores

SETTINGS = ((98, 80, 1.1), (30, 80, 1.1), (300, 80, 1.1), (98, 20, 1.1), (98, 5, 0.5))
"""Images, classes, and how steeply the classes' frequencies fall (exponent of Zipf's law)."""
MAP_SETTINGS = ((98, 19, 1.1), (30, 19, 1.1), (300, 19, 1.1), (98, 60, 1.1), (98, 5, 0.5))
"""The same for label maps."""
DATASETS = 200
"""Datasets that are drawn of every setting."""
_RESAMPLES = 300
_THRESHOLDS, _RECALLS = np.array([0.5, 0.75]), np.linspace(0, 1, 101)
_COMMONEST = 0.8
"""Objects of the commonest class an image, as persons in COCO."""
_SKILLS = (0.6, 0.4)
"""Of the two models that are compared; the second one sees the same objects a little worse."""

Drawn: TypeAlias = Mapping[str, tuple[FloatArray, FloatArray]]
"""By number: its values for two models on one dataset, on every resample, on all images, and on every subset."""


@dataclass(frozen=True)
class Coverage:
    """How often the 95 % intervals of many drawn datasets hold the mean of the number over all of them.

    Attributes:
        images: Images of a dataset.
        classes: Classes that objects can have; rare ones are in few datasets.
        number: ``AP`` of a detector, ``mIoU`` or ``mPA`` of a segmenter, or the difference of two of them on the same
            images.
        way: ``percentile`` of bootstrap resamples, or ``widened`` as runs write it.
        covered: Share of the intervals that hold the mean.
        below: Share that lies below it.
        above: Share that lies above it.
        width: Mean width, in per cent.
        datasets: How many were drawn.
        seed: Of all that was drawn.
    """

    images: int
    classes: int
    number: str
    way: str
    covered: float
    below: float
    above: float
    width: float
    datasets: int
    seed: int


def coverages(datasets: int = DATASETS, seed: int = 1) -> pd.DataFrame:
    """Measure the coverage of the intervals of averages over classes and of their differences.

    Returns:
        One line a setting, number and way.
    """
    lines: list[Coverage] = []
    for numbers, settings, stream in ((_detected_numbers, SETTINGS, 0), (_mapped_numbers, MAP_SETTINGS, 100)):
        for place, (images, classes, steepness) in enumerate(settings, start=stream):
            rng = np.random.default_rng((seed, place))
            frequencies = _COMMONEST / np.arange(1, classes + 1, dtype=np.float64) ** steepness
            ease = rng.normal(0, 0.8, classes)
            weights = _weights(images)
            drawn = [numbers(rng, weights, frequencies, ease) for _ in range(datasets)]
            lines += [line for number in drawn[0] for line in _covered(number, drawn, images, classes, seed)]
    return pd.DataFrame([asdict(line) for line in lines])


def _weights(images: int) -> IntArray:
    bootstrap, subsets = draw_weights(images, _RESAMPLES, "drawn"), draw_subsets(images, SUBSETS, "drawn")
    return np.concatenate([bootstrap, np.ones((1, images), dtype=bootstrap.dtype), subsets])


def _detected_numbers(rng: np.random.Generator, weights: IntArray, frequencies: FloatArray, ease: FloatArray) -> Drawn:
    first, second = (
        100 * resampled_averages(row, weights, _THRESHOLDS, _RECALLS)["AP"]
        for row in draw_rows(rng, weights.shape[1], frequencies, ease)
    )
    return {"AP": (first, second)}


def _mapped_numbers(rng: np.random.Generator, weights: IntArray, frequencies: FloatArray, ease: FloatArray) -> Drawn:
    first, second = (resampled_scores(row, weights) for row in draw_maps(rng, weights.shape[1], frequencies, ease))
    return {number: (100 * first[number], 100 * second[number]) for number in ("mIoU", "mPA")}


def _covered(name: str, datasets: Sequence[Drawn], images: int, classes: int, seed: int) -> list[Coverage]:
    drawn = [dataset[name] for dataset in datasets]
    ways: Mapping[str, Callable[[FloatArray], FloatArray]] = {
        "percentile": lambda values: values[:_RESAMPLES],
        "widened": lambda values: widen(
            values[:_RESAMPLES], float(values[_RESAMPLES]), values[_RESAMPLES + 1 :], images
        ),
    }
    found: list[Coverage] = []
    for way, scattered in ways.items():
        alone = np.array([scattered(first) for first, _ in drawn])
        gaps = alone - np.array([scattered(second) for _, second in drawn])
        values = np.array([[first[_RESAMPLES], first[_RESAMPLES] - second[_RESAMPLES]] for first, second in drawn])
        both = ((name, alone, values[:, 0].mean()), (f"{name} difference", gaps, values[:, 1].mean()))
        for number, samples, mean in both:
            ends = np.array([(one.low, one.high) for one in (interval(sample, images) for sample in samples)])
            below, above = float((ends[:, 1] < mean).mean()), float((ends[:, 0] > mean).mean())
            width = float((ends[:, 1] - ends[:, 0]).mean())
            covered = 1 - below - above
            found.append(Coverage(images, classes, number, way, covered, below, above, width, len(drawn), seed))
    return found


def draw_rows(
    rng: np.random.Generator, images: int, frequencies: FloatArray, ease: FloatArray
) -> tuple[list[ClassMatches], list[ClassMatches]]:
    """Draw one dataset and what two detectors see in it: hard images, objects in clusters, false alarms.

    Args:
        rng: The random numbers.
        images: How many images.
        frequencies: (K,) objects an image of each class, about.
        ease: (K,) how easily each class is detected.
    """
    rows: tuple[list[ClassMatches], list[ClassMatches]] = ([], [])
    hard = rng.normal(0, 0.7, images)
    for frequency, easy in zip(frequencies, ease, strict=True):
        there = rng.random(images) < 1 - np.exp(-frequency)
        truths = np.where(there, 1 + rng.poisson(0.8, images), 0)
        image = np.repeat(np.arange(images), truths)
        luck = easy - hard[image] + rng.normal(0, 0.9, len(image))
        for row, skill in zip(rows, _SKILLS, strict=True):
            row.append(_detected(rng, image, luck + skill + rng.normal(0, 0.4, len(image)), truths, frequency))
    return rows


def _detected(
    rng: np.random.Generator, image: IntArray, clarity: FloatArray, truths: IntArray, frequency: float
) -> ClassMatches:
    """Draw the detections of one class: objects that are clear enough, and false alarms."""
    seen = clarity > 0
    clear = clarity[seen]
    overlap = 1 - 0.35 * np.exp(-0.6 * clear + rng.normal(0, 0.4, len(clear)))
    false = np.repeat(np.arange(len(truths)), rng.poisson(2 * frequency + 0.02, len(truths)))
    scores = np.concatenate([0.7 * clear + rng.normal(0, 0.5, len(clear)), rng.normal(-0.4, 0.6, len(false))])
    hit = np.concatenate([overlap > _THRESHOLDS[:, None], np.zeros((len(_THRESHOLDS), len(false)), dtype=bool)], axis=1)
    order = np.argsort(-scores, kind="stable")
    images = np.concatenate([image[seen], false])[order]
    return ClassMatches(images, hit[:, order], np.ones(hit.shape, dtype=bool), truths)


def draw_maps(
    rng: np.random.Generator, images: int, frequencies: FloatArray, ease: FloatArray
) -> tuple[IntArray, IntArray]:
    """Draw the label maps of one dataset and what two segmenters make of them: hard images, rare and small classes.

    Args:
        rng: The random numbers.
        images: N, how many images.
        frequencies: (K,) how common and how large each class is, about.
        ease: (K,) how easily each class is told.

    Returns:
        Two arrays (N, K, K + 1) of confusion matrices as :func:`tasks.semantic.confusion.confusion_matrix` gives them.
    """
    there = rng.random((images, len(ease))) < 1 - np.exp(-4 * frequencies)
    pixels = np.where(there, 1 + 1000 * frequencies * rng.lognormal(0, 1, there.shape), 0).astype(np.int64)
    luck = ease - rng.normal(0, 0.7, (images, 1)) + rng.normal(0, 0.7, there.shape)
    first, second = (_told(rng, pixels, luck + skill, frequencies) for skill in _SKILLS)
    return first, second


def _told(rng: np.random.Generator, pixels: IntArray, clarity: FloatArray, frequencies: FloatArray) -> IntArray:
    """Draw confusion matrices: pixels that are clear enough, others are taken for one of the common classes."""
    clear = 1 + clarity + rng.normal(0, 0.4, clarity.shape)
    right = rng.binomial(pixels, 1 / (1 + np.exp(-clear)))
    matrices = np.zeros((*pixels.shape, pixels.shape[1] + 1), dtype=np.int64)
    matrices[..., :-1] = rng.multinomial(pixels - right, frequencies / frequencies.sum())
    classes = np.arange(pixels.shape[1])
    matrices[:, classes, classes] += right
    return matrices
