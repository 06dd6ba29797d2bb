"""From stored evidence to records: the same arithmetic for a run and for its verification."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from bench.contract import FloatArray, ImageMeasure, Measure, Record
from bench.plan import Row
from bench.protocols import Dataset, Resampling, SelfReference, Task
from bench.statistics import draw_weights
from bench.store import LazyMapping, RunStore

CLEAN = "clean"
"""The row of the clean images themselves."""


@dataclass(frozen=True)
class PerImage:
    """One row of ``per_image.csv``."""

    dataset: str
    derainer: str
    task: str
    model: str
    measure: ImageMeasure


def summarise_row(
    store: RunStore,
    row: Row,
    task: Task,
    dataset: Dataset,
    ids: Sequence[str],
    expected: int,
    clean_ids: Sequence[str] = (),
) -> tuple[list[Record], list[PerImage]]:
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
    records = [
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
        )
        for measure in (*summary.measures, *_against_clean(store, row, task, dataset, both))
    ]
    return records, [
        PerImage(row.dataset, row.derainer, row.task, task.model, measure) for measure in summary.per_image
    ]


def resample_row(
    store: RunStore,
    row: Row,
    task: Task,
    dataset: Dataset,
    ids: Sequence[str],
    expected: Sequence[str],
    resamples: int,
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

    Returns:
        Metric to (resamples,) values.
    """
    if not resamples or not isinstance(task, Resampling):
        return {}
    present = set(ids)
    columns = [index for index, id in enumerate(expected) if id in present]
    weights = draw_weights(len(expected), resamples, zlib.crc32(row.dataset.encode()))[:, columns]
    evidence = LazyMapping(ids, partial(store.read_evidence, row))
    return task.resample(evidence, LazyMapping(ids, dataset.truth), weights)


def _against_clean(store: RunStore, row: Row, task: Task, dataset: Dataset, ids: Sequence[str]) -> Sequence[Measure]:
    if not ids or not isinstance(task, SelfReference):
        return ()
    evidence = LazyMapping(ids, partial(store.read_evidence, row))
    clean = LazyMapping(ids, partial(store.read_evidence, replace(row, derainer=CLEAN)))
    return task.summarise_against_clean(evidence, clean, LazyMapping(ids, dataset.truth))
