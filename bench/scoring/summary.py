"""From stored evidence to records: the same arithmetic for a run and for its verification."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from bench.contract import Evidence, FloatArray, IntArray, Measure, Record, Truth
from bench.protocols import Dataset, Resampling, SelfReference, Task
from bench.runs.folder import LazyMapping, RunStore
from bench.runs.result import PerClass
from bench.runs.rows import CLEAN, Row
from bench.scoring.per_image import pack_measures
from bench.scoring.statistics import draw_weights


@dataclass(frozen=True)
class Scored:
    """All numbers of one derainer and one task; those of images as :mod:`bench.scoring.per_image` packs them."""

    records: tuple[Record, ...]
    per_image: pd.DataFrame
    per_class: tuple[PerClass, ...]


def summarise_row(
    store: RunStore,
    row: Row,
    task: Task,
    dataset: Dataset,
    ids: Sequence[str],
    expected: int,
    clean_ids: Sequence[str] = (),
) -> Scored:
    """All numbers of one derainer and one task, from evidence and labels alone.

    Args:
        store: The run folder.
        row: Which dataset, derainer and task.
        task: Knows how to score; no model is loaded.
        dataset: Gives the labels.
        ids: Images with evidence, in the dataset's order.
        expected: How many images the dataset should have.
        clean_ids: Images with evidence in the row ``clean``; empty if the run has none.

    Raises:
        ImageError: Evidence is absent or damaged.
    """
    evidence = LazyMapping(ids, partial(store.read_evidence, row))
    summary = task.summarise(evidence, LazyMapping(ids, dataset.truth))
    present = set(clean_ids)
    both = [id for id in ids if id in present]
    records = tuple(
        Record(
            dataset=row.dataset,
            derainer=row.derainer,
            task=row.task,
            model=task.model,
            metric=measure.metric,
            value=measure.value,
            unit=measure.unit,
            images=measure.images,
            expected=expected,
            protocol=task.protocol,
            better=measure.better,
        )
        for measure in (*summary.measures, *_against_clean(store, row, task, dataset, both))
    )
    place = (row.dataset, row.derainer, row.task, task.model)
    return Scored(
        records,
        pack_measures(row, task.model, summary.per_image),
        tuple(PerClass(*place, measure) for measure in summary.per_class),
    )


def resample_row(
    store: RunStore,
    row: Row,
    task: Task,
    dataset: Dataset,
    ids: Sequence[str],
    expected: Sequence[str],
    resamples: int,
    clean_ids: Sequence[str] = (),
) -> Mapping[str, FloatArray]:
    """Main metrics of one row on bootstrap resamples of the images; empty if the task cannot tell.

    The resamples are drawn over all expected images and depend on the dataset's name alone, so they are the same
    for every derainer and task: differences between rows are paired.

    Args:
        store: As in :func:`summarise_row`, like all up to ``ids``.
        row: Which dataset, derainer and task.
        task: Knows how to score.
        dataset: Gives the labels.
        ids: Images with evidence.
        expected: All images that the dataset should have, in order.
        resamples: How many.
        clean_ids: As in :func:`summarise_row`.

    Returns:
        Metric to (resamples,) values.
    """
    if not resamples or not isinstance(task, Resampling):
        return {}
    weights = draw_weights(len(expected), resamples, zlib.crc32(row.dataset.encode()))
    evidence = LazyMapping(ids, partial(store.read_evidence, row))
    found = task.resample(evidence, LazyMapping(ids, dataset.truth), _columns(weights, places_of(ids, expected)))
    present = set(clean_ids)
    both = [id for id in ids if id in present]
    if not both or not isinstance(task, SelfReference):
        return found
    drawn = _columns(weights, places_of(both, expected))
    return {**found, **task.resample_against_clean(*_pair(store, row, dataset, both), drawn)}


def places_of(ids: Sequence[str], expected: Sequence[str]) -> list[int]:
    """Where these images are among all that a dataset should have, in the latter's order."""
    present = set(ids)
    return [index for index, id in enumerate(expected) if id in present]


def _columns(weights: IntArray, places: Sequence[int]) -> IntArray:
    """These columns; without a copy where they are all, because resamples of many images are large."""
    return weights if len(places) == weights.shape[1] else weights[:, places]


def _against_clean(store: RunStore, row: Row, task: Task, dataset: Dataset, ids: Sequence[str]) -> Sequence[Measure]:
    if not ids or not isinstance(task, SelfReference):
        return ()
    return task.summarise_against_clean(*_pair(store, row, dataset, ids))


def _pair(
    store: RunStore, row: Row, dataset: Dataset, ids: Sequence[str]
) -> tuple[Mapping[str, Evidence], Mapping[str, Evidence], Mapping[str, Truth]]:
    """Evidence of a row, that of the clean images, and the truths, of images that have both."""
    evidence = LazyMapping(ids, partial(store.read_evidence, row))
    clean = LazyMapping(ids, partial(store.read_evidence, replace(row, derainer=CLEAN)))
    return evidence, clean, LazyMapping(ids, dataset.truth)
