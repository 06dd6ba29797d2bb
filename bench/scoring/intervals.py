"""Intervals beside every number, and the paired comparison of two rows of a run."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.contract import FloatArray, Metric, Record
from bench.errors import UserError
from bench.io.files import damage_named, safe_name
from bench.runs.records import read_records, read_table, untrained_in
from bench.runs.result import RunResult
from bench.runs.rows import CLEAN, RAIN, Row
from bench.scoring.metrics import shortened, sign_of
from bench.scoring.per_image import read_measures
from bench.scoring.statistics import holm, interval, p_value, recovery

SIGNIFICANT = 0.05
"""Corrected p below which one row is called better than another."""

_COLUMNS = [
    "dataset",
    "derainer",
    "task",
    "metric",
    "value",
    "low",
    "high",
    "recovery",
    "recovery_low",
    "recovery_high",
]


def interval_frames(result: RunResult) -> dict[str, pd.DataFrame]:
    """``intervals.csv``, and the resamples behind it as ``bootstrap/<dataset>/<derainer>/<task>.csv``.

    Recovery is (derained - rain) / (clean - rain), told where the run has both rows and the rain took something.
    Rows with random weights have no intervals: nothing ranks them.
    """
    drawn = {_resamples_name(row): pd.DataFrame(dict(values)) for row, values in result.resamples.items() if values}
    return {"intervals.csv": pd.DataFrame(_interval_rows(result), columns=_COLUMNS), **drawn}


def read_intervals(root: Path) -> pd.DataFrame:
    """Read ``intervals.csv``; empty if the run has none.

    Raises:
        UserError: It is damaged.
    """
    path = root / "intervals.csv"
    with damage_named(path):
        return pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=_COLUMNS)


def compare_rows(
    root: Path, first: str, second: str, every_metric: bool = False, described: Sequence[Metric] = ()
) -> pd.DataFrame:
    """Compare two derainers of a run, metric by metric, on the same resamples.

    Args:
        root: A run folder.
        first: A row of the run.
        second: Another row.
        every_metric: False compares the metrics of the run's short table. Every further metric makes
            Holm's correction stricter: with 1000 resamples, no p of more than 25 metrics can fall below 0.05.
        described: Metrics of tasks from outside, from the run's card.

    Returns:
        One row a dataset, task and metric: which values are ``better`` (``higher``, ``lower``, or empty), both values,
        difference (first - second) with its interval, two-sided p, p after Holm's correction over all these rows,
        ``ahead`` (the row that is better with a corrected p below 0.05, or empty), and on how many images the first
        was higher or lower.

    Raises:
        UserError: A row is not in the run, or the run has no resamples of both.
    """
    records = read_records(root)
    names = list(dict.fromkeys(record.derainer for record in records))
    for name in (first, second):
        if name not in names:
            raise UserError(f"{root} has no row {name!r}; it has {', '.join(names)}")
    values = {(r.dataset, r.derainer, r.task, r.metric): r for r in records}
    images = read_measures(root)
    shown = _headlines(records, described)
    rows = [
        _comparison(values[(*key[:1], first, *key[1:])], values[(*key[:1], second, *key[1:])], ours, theirs, images)
        for key, ours, theirs in _both(root, records, first, second)
        if every_metric or key in shown
    ]
    if not rows:
        raise UserError(f"{root} has no resamples of both {first!r} and {second!r}; run again with resamples > 0")
    frame = pd.DataFrame(rows)
    frame["p_holm"] = holm(frame["p"].tolist())
    frame["ahead"] = [_ahead(row, first, second) for row in frame.to_dict("records")]
    return frame[[*frame.columns.drop(["higher", "lower"]), "higher", "lower"]]


def _headlines(records: Sequence[Record], described: Sequence[Metric]) -> set[tuple[str, str, str]]:
    """Find the (dataset, task, metric) of the short tables of a run."""
    by_dataset: dict[str, list[Record]] = {}
    for record in records:
        by_dataset.setdefault(record.dataset, []).append(record)
    short = [record for own in by_dataset.values() for record in shortened(own, described=described)]
    return {(record.dataset, record.task, record.metric) for record in short}


def _ahead(row: Mapping[Hashable, Any], first: str, second: str) -> str:
    """Name the row that is better beyond chance; empty if there is none, or if the metric ranks nothing."""
    gain = sign_of(row["better"]) * row["difference"]
    if not gain or row["p_holm"] >= SIGNIFICANT:
        return ""
    return first if gain > 0 else second


def _interval_rows(result: RunResult) -> list[dict[str, object]]:
    values = {(r.dataset, r.derainer, r.task, r.metric): r.value for r in result.records}
    rows: list[dict[str, object]] = []
    untrained = untrained_in(result.records)
    for row, resamples in result.resamples.items():
        if row.derainer in untrained:
            continue
        for metric, drawn in resamples.items():
            value = values.get((row.dataset, row.derainer, row.task, metric))
            if value is None:
                continue
            found = interval(drawn)
            cells: dict[str, object] = {"dataset": row.dataset, "derainer": row.derainer, "task": row.task}
            cells |= {"metric": metric, "value": value}
            cells |= {"low": found.low, "high": found.high} if found else {}
            rows.append(cells | _recovered(result, values, row, metric, drawn))
    return rows


def _recovered(
    result: RunResult,
    values: dict[tuple[str, str, str, str], float],
    row: Row,
    metric: str,
    drawn: FloatArray,
) -> dict[str, object]:
    ends = [Row(row.dataset, end, row.task) for end in (RAIN, CLEAN)]
    resamples = [result.resamples.get(end, {}).get(metric) for end in ends]
    scores = [values.get((row.dataset, end.derainer, row.task, metric)) for end in ends]
    if row.derainer in (RAIN, CLEAN) or resamples[0] is None or resamples[1] is None or None in scores:
        return {}
    point = recovery(*(np.array([score]) for score in (values[(row.dataset, row.derainer, row.task, metric)], *scores)))
    found = interval(recovery(drawn, resamples[0], resamples[1]))
    if not np.isfinite(point[0]) or found is None:
        return {}
    return {"recovery": float(point[0]), "recovery_low": found.low, "recovery_high": found.high}


def _both(
    root: Path, records: list[Record], first: str, second: str
) -> list[tuple[tuple[str, str, str], FloatArray, FloatArray]]:
    found: list[tuple[tuple[str, str, str], FloatArray, FloatArray]] = []
    for dataset, task in dict.fromkeys((record.dataset, record.task) for record in records):
        paths = [root / _resamples_name(Row(dataset, name, task)) for name in (first, second)]
        if not all(path.is_file() for path in paths):
            continue
        with damage_named(root / "bootstrap"):
            ours, theirs = (pd.read_csv(path, dtype=np.float64) for path in paths)
        known = {(r.derainer, r.metric) for r in records if r.dataset == dataset and r.task == task}
        for metric in ours.columns:
            if metric in theirs and {(first, metric), (second, metric)} <= known:
                found.append(((dataset, task, metric), ours[metric].to_numpy(), theirs[metric].to_numpy()))
    return found


def _comparison(
    ours: Record, theirs: Record, drawn_ours: FloatArray, drawn_theirs: FloatArray, images: pd.DataFrame
) -> dict[str, object]:
    differences = drawn_ours - drawn_theirs
    found = interval(differences)
    same = images[(images.dataset == ours.dataset) & (images.task == ours.task) & (images.metric == ours.metric)]
    paired = same.pivot_table(index="image", columns="derainer", values="value", observed=True)
    gap = paired[ours.derainer] - paired[theirs.derainer] if {ours.derainer, theirs.derainer} <= set(paired) else None
    return {
        "dataset": ours.dataset,
        "task": ours.task,
        "metric": ours.metric,
        "better": ours.better,
        ours.derainer: ours.value,
        theirs.derainer: theirs.value,
        "difference": ours.value - theirs.value,
        "low": found.low if found else float("nan"),
        "high": found.high if found else float("nan"),
        "p": p_value(differences),
        "higher": int((gap > 0).sum()) if gap is not None else "",
        "lower": int((gap < 0).sum()) if gap is not None else "",
    }


def _resamples_name(row: Row) -> str:
    return f"bootstrap/{safe_name(row.dataset)}/{safe_name(row.derainer)}/{safe_name(row.task)}.csv"


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval, and what it recovers with that interval; NaN where unknown."""

    value: float
    unit: str
    low: float = math.nan
    high: float = math.nan
    recovery: float = math.nan
    recovery_low: float = math.nan
    recovery_high: float = math.nan


@dataclass(frozen=True)
class Difference:
    """One row less another on the same images, with its 95 % interval."""

    value: float
    low: float
    high: float


Differences = Mapping[tuple[str, str], Difference]
"""Dataset and metric to the difference of two rows."""


Estimates = Mapping[tuple[str, str, str], Estimate]
"""Dataset, derainer and metric to the estimate."""


def estimates_of(records: Sequence[Record], intervals: pd.DataFrame) -> dict[tuple[str, str, str], Estimate]:
    """Join records with the intervals of the same run."""
    names = ["low", "high", "recovery", "recovery_low", "recovery_high"]
    known = {
        (row["dataset"], row["derainer"], row["metric"]): {name: float(row[name]) for name in names}
        for row in intervals.to_dict("records")
    }
    return {
        (record.dataset, record.derainer, record.metric): Estimate(
            record.value, record.unit, **known.get((record.dataset, record.derainer, record.metric), {})
        )
        for record in records
    }


def without_doubtful_recovery(estimates: Estimates, losses: Differences) -> dict[tuple[str, str, str], Estimate]:
    """Forget what was recovered of a loss that may be none.

    Args:
        estimates: All of a run.
        losses: ``clean`` less ``rain``.
    """
    doubtful = {place for place, loss in losses.items() if loss.low <= 0 <= loss.high}
    return {
        key: Estimate(estimate.value, estimate.unit, estimate.low, estimate.high)
        if (key[0], key[2]) in doubtful
        else estimate
        for key, estimate in estimates.items()
    }


def _comparisons(root: Path, records: Sequence[Record], pairs: Sequence[tuple[str, str]]) -> Comparisons:
    """Differences of pairs of rows on the same resamples; pairs without resamples of both are left out."""
    values = {(record.dataset, record.derainer, record.metric): record.value for record in records}
    tasks = list(dict.fromkeys((record.dataset, record.task) for record in records))
    drawn = {(*place, row): _resamples(root, *place, row) for place in tasks for row in {r for p in pairs for r in p}}
    found: dict[tuple[str, str], dict[tuple[str, str], Difference]] = {}
    for row, reference in pairs:
        for dataset, task in tasks:
            ours, theirs = drawn[dataset, task, row], drawn[dataset, task, reference]
            for metric in (name for name in ours.columns if name in theirs.columns):
                ends = interval(ours[metric].to_numpy() - theirs[metric].to_numpy())
                both = [values.get((dataset, name, metric)) for name in (row, reference)]
                if ends is not None and both[0] is not None and both[1] is not None:
                    one = Difference(both[0] - both[1], ends.low, ends.high)
                    found.setdefault((row, reference), {})[dataset, metric] = one
    return found


def _resamples(root: Path, dataset: str, task: str, row: str) -> pd.DataFrame:
    return read_table(root / "bootstrap" / safe_name(dataset) / safe_name(row) / f"{safe_name(task)}.csv")


Comparisons = Mapping[tuple[str, str], Differences]
"""A row and the row it is compared with, to their differences."""
