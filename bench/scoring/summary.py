"""Compute the numbers of one row from its stored evidence: records, measures of images and classes, resamples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.contract import FloatArray, IntArray, Measure, Record
from bench.protocols import Resampling, SelfReference
from bench.runs.rows import Row
from bench.scoring.metrics import over_classes
from bench.scoring.per_image import pack_measures
from bench.scoring.scores import PerClass
from bench.scoring.statistics import draw_subsets, draw_weights, widen
from bench.scoring.task_on_dataset import TaskOnDataset

SUBSETS = 200
"""Subsets by which the scatter of means over classes is told."""


@dataclass(frozen=True)
class RowScores:
    """All numbers of one row; those of images as :mod:`bench.scoring.per_image` packs them."""

    records: tuple[Record, ...]
    per_image: pd.DataFrame
    per_class: tuple[PerClass, ...]


def summarise_row(question: TaskOnDataset, row: Row) -> RowScores:
    """Compute all numbers of one row from evidence and labels alone.

    Raises:
        ImageError: Evidence is absent or damaged.
    """
    ids = question.judged[row]
    summary = question.task.summarise(question.evidence(row, ids), question.truths(ids))
    records = tuple(
        Record(
            dataset=row.dataset,
            derainer=row.derainer,
            task=row.task,
            model=question.model_of(row),
            metric=measure.metric,
            value=measure.value,
            unit=measure.unit,
            images=measure.images,
            expected=len(question.chosen),
            protocol=question.rules.protocol,
            better=measure.better,
        )
        for measure in (*summary.measures, *_against_clean(question, row))
    )
    place = (row.dataset, row.derainer, row.task, question.model_of(row))
    return RowScores(
        records,
        pack_measures(row, question.model_of(row), summary.per_image),
        tuple(PerClass(*place, measure) for measure in summary.per_class),
    )


def resample_row(question: TaskOnDataset, row: Row, resamples: int) -> Mapping[str, FloatArray]:
    """Compute the main metrics of one row on bootstrap resamples of the images.

    The resamples are drawn over all expected images and depend on the dataset's name alone, so they are the same
    for every derainer and task: differences between rows are paired.

    Returns:
        Metric to (resamples,) float64 values; empty if the task cannot tell.
    """
    if not resamples or not isinstance(question.task, Resampling):
        return {}
    ids, chosen = question.judged[row], question.chosen
    weights = _draw(len(chosen), resamples, row.dataset)
    found = question.task.resample(
        question.evidence(row, ids), question.truths(ids), _columns(weights, places_of(ids, chosen))
    )
    both = question.judged_with_clean(row)
    if both and isinstance(question.task, SelfReference):
        drawn = _columns(weights, places_of(both, chosen))
        found = {**found, **question.task.resample_against_clean(*question.beside_clean(row, both), drawn)}
    return {metric: _scattered(metric, values, resamples, len(chosen)) for metric, values in found.items()}


def _draw(images: int, resamples: int, dataset: str) -> IntArray:
    """Draw bootstrap resamples, then all images once, then subsets of them."""
    drawn = draw_weights(images, resamples, dataset), draw_subsets(images, SUBSETS, dataset)
    return np.concatenate([drawn[0], np.ones((1, images), dtype=drawn[0].dtype), drawn[1]])


def _scattered(metric: str, values: FloatArray, resamples: int, images: int) -> FloatArray:
    """Take the bootstrap values; those of means over classes are widened by means of the subsets."""
    drawn = values[:resamples]
    return widen(drawn, float(values[resamples]), values[resamples + 1 :], images) if over_classes(metric) else drawn


def places_of(ids: Sequence[str], expected: Sequence[str]) -> list[int]:
    """Find the places of images among all that a dataset should have, in the latter's order."""
    present = set(ids)
    return [index for index, id in enumerate(expected) if id in present]


def _columns(weights: IntArray, places: Sequence[int]) -> IntArray:
    """Take columns; without a copy where they are all, because resamples of many images are large."""
    return weights if len(places) == weights.shape[1] else weights[:, places]


def _against_clean(question: TaskOnDataset, row: Row) -> Sequence[Measure]:
    both = question.judged_with_clean(row)
    if not both or not isinstance(question.task, SelfReference):
        return ()
    return question.task.summarise_against_clean(*question.beside_clean(row, both))
