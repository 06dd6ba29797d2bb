"""Give every number of a run its bootstrap interval, and compare rows of a run on the same resamples."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.contract import FloatArray, Metric, Record
from bench.errors import UserError
from bench.io.files import csv_errors_as_user_errors, safe_name
from bench.runs.records import read_records, read_table, untrained_in
from bench.runs.rows import CLEAN, RAIN, Row
from bench.scoring.metrics import shortened, sign_of
from bench.scoring.per_image import read_measures
from bench.scoring.scores import Scores
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


def interval_frames(result: Scores) -> dict[str, pd.DataFrame]:
    """Make the tables ``intervals.csv`` and ``bootstrap/<dataset>/<derainer>/<task>.csv`` of one run.

    The latter hold the resamples from which the intervals come. Recovery is (derained - rain) / (clean - rain), given
    where the run has both rows and the rain took something. Rows with random weights have no intervals: nothing
    ranks them.

    Returns:
        File name in the run folder to table.
    """
    drawn = {_resamples_name(row): pd.DataFrame(dict(values)) for row, values in result.resamples.items() if values}
    return {"intervals.csv": pd.DataFrame(_interval_rows(result), columns=_COLUMNS), **drawn}


def read_intervals(root: Path) -> pd.DataFrame:
    """Read ``intervals.csv`` of one run; empty if the run has none.

    Raises:
        UserError: The file is damaged or lacks a column.
    """
    return read_table(root / "intervals.csv", _COLUMNS)


def compare_rows(
    root: Path, first: str, second: str, every_metric: bool = False, described: Sequence[Metric] = ()
) -> pd.DataFrame:
    """Compare two rows of a run, metric by metric, on the same resamples.

    Example:
        >>> from pathlib import Path
        >>> from bench.api import compare_rows
        >>> compare_rows(Path("run1"), "classical", "rain")["metric"].tolist()
        ['psnr_y', 'ssim_y']

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
    images = read_measures(root)
    shown = _headlines(records, described)
    rows = [
        _comparison(paired, images)
        for paired in paired_differences(root, records, [(first, second)])
        if every_metric or (paired.first.dataset, paired.first.task, paired.first.metric) in shown
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


def _interval_rows(result: Scores) -> list[dict[str, object]]:
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
            cells |= {"low": found.low, "high": found.high}
            rows.append(cells | _recovered(result, values, row, metric, drawn))
    return rows


def _recovered(
    result: Scores,
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
    if not np.isfinite(point[0]) or not found.known:
        return {}
    return {"recovery": float(point[0]), "recovery_low": found.low, "recovery_high": found.high}


@dataclass(frozen=True)
class PairedDifference:
    """One metric of two rows of a run on the same images.

    Attributes:
        first: Record of the first row.
        second: Record of the second row: same dataset, task and metric.
        resampled: (R,) first - second on every resample, in the metric's unit; NaN where a resample leaves it
            undefined.
    """

    first: Record
    second: Record
    resampled: FloatArray

    @property
    def value(self) -> float:
        """Subtract the two scores, in the metric's unit."""
        return self.first.value - self.second.value


def paired_differences(
    root: Path, records: Sequence[Record], pairs: Sequence[tuple[str, str]]
) -> Iterator[PairedDifference]:
    """Subtract pairs of rows of a run, metric by metric, on the same resamples.

    Pairs of which one row has no resamples of a task, and metrics that only one row has, are left out.

    Args:
        root: The run folder.
        records: The run's records.
        pairs: Names of the rows: first, second.

    Raises:
        UserError: A file of resamples is damaged.
    """
    scores: dict[Row, dict[str, Record]] = {}
    for record in records:
        scores.setdefault(Row(record.dataset, record.derainer, record.task), {})[record.metric] = record
    places = list(dict.fromkeys((record.dataset, record.task) for record in records))
    names = dict.fromkeys(name for pair in pairs for name in pair)
    rows = [Row(dataset, name, task) for dataset, task in places for name in names]
    resamples = {row: _read_resamples(root, row) for row in rows}
    for first, second in pairs:
        for dataset, task in places:
            ours, theirs = Row(dataset, first, task), Row(dataset, second, task)
            for metric in resamples[ours].columns:
                if metric in resamples[theirs] and all(metric in scores.get(row, {}) for row in (ours, theirs)):
                    drawn = (resamples[ours][metric] - resamples[theirs][metric]).to_numpy()
                    yield PairedDifference(scores[ours][metric], scores[theirs][metric], drawn)


def _comparison(paired: PairedDifference, images: pd.DataFrame) -> dict[str, object]:
    """Make one row of the table of :func:`compare_rows`."""
    ours, theirs, found = paired.first, paired.second, interval(paired.resampled)
    same = images[(images.dataset == ours.dataset) & (images.task == ours.task) & (images.metric == ours.metric)]
    of_both = same.pivot_table(index="image", columns="derainer", values="value", observed=True)
    gap = (
        of_both[ours.derainer] - of_both[theirs.derainer] if {ours.derainer, theirs.derainer} <= set(of_both) else None
    )
    return {
        "dataset": ours.dataset,
        "task": ours.task,
        "metric": ours.metric,
        "better": ours.better,
        ours.derainer: ours.value,
        theirs.derainer: theirs.value,
        "difference": paired.value,
        "low": found.low,
        "high": found.high,
        "p": p_value(paired.resampled),
        "higher": int((gap > 0).sum()) if gap is not None else "",
        "lower": int((gap < 0).sum()) if gap is not None else "",
    }


def _read_resamples(root: Path, row: Row) -> pd.DataFrame:
    """Read the resamples of one row, one column a metric; empty if the run has none."""
    path = root / _resamples_name(row)
    if not path.is_file():
        return pd.DataFrame()
    with csv_errors_as_user_errors(path):
        return pd.read_csv(path, dtype=np.float64)


def _resamples_name(row: Row) -> str:
    return f"bootstrap/{safe_name(row.dataset)}/{safe_name(row.derainer)}/{safe_name(row.task)}.csv"
