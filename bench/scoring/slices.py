"""Slice the main metrics of a run: by attribute of the images, by size of the objects, by severity of the rain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from bench.contract import FloatArray, Metric, Record
from bench.errors import UserError
from bench.io.metrics import parse_metric
from bench.protocols import Resampling
from bench.runs.rows import Row
from bench.scoring.metrics import digits_of, heading, is_headline
from bench.scoring.statistics import Interval, draw_weights, interval
from bench.scoring.task_on_dataset import TaskOnDataset

FEWEST, MOST = 2, 12
"""An attribute with fewer values tells nothing, one with more tells the images apart."""
SLICE_RESAMPLES = 200
"""Resamples of a slice at most: every slice is resampled by itself, so that all of a run's would take long."""
OBJECT_SIZE, SEVERITY, CLASS = "object_size", "severity", "class"


@dataclass(frozen=True)
class Slice:
    """Images that share the value of one attribute."""

    by: str
    value: str
    ids: frozenset[str]


@dataclass(frozen=True)
class SliceMeasure:
    """One row of ``slices.csv``; ``images`` is how many of the slice have evidence."""

    dataset: str
    derainer: str
    task: str
    model: str
    by: str
    slice: str
    metric: str
    value: float
    low: float
    high: float
    unit: str
    images: int


COLUMNS = list(SliceMeasure.__annotations__)


def find_slices(attributes: Mapping[str, Mapping[str, str]]) -> list[Slice]:
    """Find the slices of a dataset: one for every value of every attribute that has 2 to 12 values.

    Args:
        attributes: Image to its attributes.
    """
    found: dict[str, dict[str, set[str]]] = {}
    for id, facts in attributes.items():
        for name, value in facts.items():
            if value:
                found.setdefault(name, {}).setdefault(value, set()).add(id)
    return [
        Slice(name, value, frozenset(ids))
        for name, values in sorted(found.items())
        if FEWEST <= len(values) <= MOST
        for value, ids in sorted(values.items())
    ]


def slice_row(
    question: TaskOnDataset, row: Row, slices: Sequence[Slice], records: Sequence[Record], resamples: int
) -> list[SliceMeasure]:
    """Compute the main metrics of one row on every slice, with intervals.

    Args:
        question: The task on the row's dataset.
        row: Which dataset, derainer and task.
        slices: Groups of images.
        records: The row's records, for model and units.
        resamples: How many the run has; a slice has at most ``SLICE_RESAMPLES``.

    Returns:
        One measure a slice and metric; none if the task cannot resample.
    """
    ids = question.judged[row]
    there = [part for part in slices if not part.ids.isdisjoint(ids)]
    if not there or not isinstance(question.task, Resampling):
        return []
    drawn = draw_weights(len(ids), min(resamples, SLICE_RESAMPLES), row.dataset)
    inside = [np.array([id in part.ids for id in ids], dtype=drawn.dtype) for part in there]
    # The first row of each slice's weights takes every image once: the slice's own value.
    weights = np.empty((len(there), len(drawn) + 1, len(ids)), dtype=drawn.dtype)
    for part, members in zip(weights, inside, strict=True):
        part[0] = members
        np.multiply(drawn, members, out=part[1:])
    values = question.task.resample(question.evidence(row, ids), question.truths(ids), weights.reshape(-1, len(ids)))
    return [
        _measure(row, records, part, metric, found, int(members.sum()))
        for part, members, start in zip(
            there, inside, range(0, len(there) * (len(drawn) + 1), len(drawn) + 1), strict=True
        )
        for metric in values
        if np.isfinite((found := values[metric][start : start + len(drawn) + 1])[0])
    ]


def slices_of_records(
    records: Sequence[Record], resamples: Mapping[Row, Mapping[str, FloatArray]], severities: Mapping[str, float]
) -> list[SliceMeasure]:
    """Make slices of records alone: by object size, and by severity where the datasets of a run differ in it."""
    found: list[SliceMeasure] = []
    graded = severities if len(set(severities.values())) > 1 else {}
    for record in records:
        place = (record.dataset, record.derainer, record.task, record.model)
        drawn = resamples.get(Row(*place[:3]), {})
        name = parse_metric(record.metric)
        if name.size:
            group, metric, ends = (OBJECT_SIZE, name.size), replace(name, size="").stem, Interval()
        elif record.metric in drawn and record.dataset in graded:
            group, metric = (SEVERITY, f"{graded[record.dataset]:g}"), record.metric
            ends = interval(drawn[record.metric], record.images)
        else:
            continue
        found.append(
            SliceMeasure(*place, *group, metric, record.value, ends.low, ends.high, record.unit, record.images)
        )
    return found


def slice_frame(slices: Sequence[SliceMeasure]) -> pd.DataFrame:
    """Make the table ``slices.csv``."""
    return pd.DataFrame([asdict(row) for row in slices], columns=COLUMNS)


def sliced_table(
    rows: pd.DataFrame, by: str, every_metric: bool = False, described: Sequence[Metric] = ()
) -> pd.DataFrame:
    """Make a table of slices: one row a derainer and metric, one column a slice; every cell is text.

    Args:
        rows: Rows of ``slices.csv`` of one dataset, or of several where the slices are severities.
        by: Which slices.
        every_metric: False keeps the headline metrics, or all where there is none.
        described: Metrics of tasks from outside, from the run's card.

    Raises:
        UserError: There are no such slices.
    """
    chosen = rows[rows["by"] == by]
    if chosen.empty:
        known = ", ".join(dict.fromkeys(rows["by"])) or "none"
        raise UserError(f"the run has no slices by {by!r}; it has {known}")
    headlines = [metric for metric in chosen["metric"].unique() if is_headline(metric, described)]
    shown = chosen[chosen["metric"].isin(headlines)] if headlines and not every_metric else chosen
    units = dict(zip(shown["metric"], shown["unit"], strict=True))
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for row in shown.itertuples():
        metric, unit = str(row.metric), str(units[row.metric])
        head = {"derainer": str(row.derainer), "metric": heading(metric, unit)}
        place = cells.setdefault((head["derainer"], head["metric"]), head)
        place[str(row.slice)] = f"{row.value:.{digits_of(metric, unit, described)}f}"
    columns = ["derainer", "metric", *dict.fromkeys(str(value) for value in shown["slice"])]
    return pd.DataFrame(list(cells.values()), columns=columns, dtype=str).fillna("")


def class_table(rows: pd.DataFrame, every_metric: bool = False) -> pd.DataFrame:
    """Make a table of classes: one row a class, one column a derainer; every cell is text.

    Args:
        rows: Rows of ``per_class.csv`` of one dataset.
        every_metric: False keeps the first metric of every task: average precision or IoU.
    """
    first = rows.groupby("task", sort=False)["metric"].first()
    chosen = rows if every_metric else rows[rows["metric"].isin(first)]
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for row in chosen.to_dict("records"):
        named = heading(str(row["metric"]), str(row["unit"]))
        start = {"class": str(row["class"]), "metric": named, "support": str(row["support"])}
        cells.setdefault((named, start["class"]), start)[str(row["derainer"])] = f"{float(row['value']):.2f}"
    columns = ["class", "metric", "support", *dict.fromkeys(str(name) for name in chosen["derainer"])]
    return pd.DataFrame(list(cells.values()), columns=columns, dtype=str).fillna("")


def _measure(
    row: Row, records: Sequence[Record], part: Slice, metric: str, values: FloatArray, images: int
) -> SliceMeasure:
    known = {record.metric: record for record in records}
    model = next((record.model for record in records), "")
    unit = known[metric].unit if metric in known else ""
    place = (row.dataset, row.derainer, row.task, model, part.by, part.value)
    ends = interval(values[1:], images)
    return SliceMeasure(*place, metric, float(values[0]), ends.low, ends.high, unit, images)
