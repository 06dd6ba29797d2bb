"""Give every number of a run its bootstrap interval, and compare rows of a run on the same resamples."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.contract import Metric, Record
from bench.errors import UserError
from bench.io.files import csv_errors_as_user_errors, safe_name
from bench.runs.card import CARD, read_card
from bench.runs.records import read_records, read_table, untrained_in
from bench.runs.rows import CLEAN, RAIN, Row, kind_of
from bench.scoring.common_images import common_images, recovery_rows
from bench.scoring.metrics import shortened, sign_of
from bench.scoring.per_image import read_measures
from bench.scoring.scores import Scores
from bench.scoring.statistics import FEWEST_IMAGES, Interval, holm, interval, p_value, recovery

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

DIFFERENCES = "differences.csv"
"""File with the differences of rows that do not have the same images, each on the images that both have."""
_DIFFERENCE_COLUMNS = [
    "dataset", "task", "metric", "first", "second", "images", "first_value", "second_value", "low", "high", "p",
]  # fmt: skip


def interval_frames(result: Scores) -> dict[str, pd.DataFrame]:
    """Make the tables ``intervals.csv``, ``bootstrap/<dataset>/<derainer>/<task>.csv`` and ``differences.csv``.

    The resamples in ``bootstrap`` are those from which the intervals come. Recovery is (derained - rain) /
    (clean - rain) on the images that all three have, given where the run has both rows and the rain took something.
    Rows with random weights have no intervals: nothing ranks them. ``differences.csv`` is there only where rows do
    not have the same images.

    Returns:
        File name in the run folder to table.
    """
    drawn = {_resamples_name(row): pd.DataFrame(dict(values)) for row, values in result.resamples.items() if values}
    unequal = pd.DataFrame(list(_unequal_pairs(result)), columns=_DIFFERENCE_COLUMNS)
    frames = {"intervals.csv": pd.DataFrame(_interval_rows(result), columns=_COLUMNS), **drawn}
    return frames | ({} if unequal.empty else {DIFFERENCES: unequal})


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

    Examples:
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
        ``ahead`` (the row that is better with a corrected p below 0.05, or empty), ``images`` (``3/4``: on how many
        of the dataset's images the line rests, those that both rows have), and on how many of these the first was
        higher or lower. Fewer than ten images give neither interval nor p.

    Raises:
        UserError: A row is not in the run, or the run has no resamples of both.
    """
    records = read_records(root)
    _check_rows(root, records, (first, second))
    images, shown = read_measures(root), headlines(records, described)
    rows = [
        comparison(paired, images)
        for paired in paired_differences(root, records, [(first, second)])
        if every_metric or (paired.first.dataset, paired.first.task, paired.first.metric) in shown
    ]
    if not rows:
        raise UserError(f"{root} has no resamples of both {first!r} and {second!r}; run again with resamples > 0")
    frame = pd.DataFrame(rows)
    frame["p_holm"] = holm(frame["p"].tolist())
    frame["ahead"] = [_ahead(row, first, second) for row in frame.to_dict("records")]
    last = ["images", "higher", "lower"]
    return frame[[*frame.columns.drop(last), *last]]


def _check_rows(root: Path, records: Sequence[Record], names: Sequence[str]) -> None:
    known = list(dict.fromkeys(record.derainer for record in records))
    for name in names:
        if name in known:
            continue
        real = kind_of(name) in ("clean", "harm test") and (root / CARD).is_file() and read_card(root).without_clean
        why = f" ({real[0]} has no clean images: its photographs are used as they are)" if real else ""
        raise UserError(f"{root} has no row {name!r}{why}; it has {', '.join(known)}")


def headlines(
    records: Sequence[Record], described: Sequence[Metric], every_headline: bool = False
) -> set[tuple[str, str, str]]:
    """Find the (dataset, task, metric) of the short tables of a run; arguments as of :func:`shortened`."""
    by_dataset: dict[str, list[Record]] = {}
    for record in records:
        by_dataset.setdefault(record.dataset, []).append(record)
    short = [record for own in by_dataset.values() for record in shortened(own, every_headline, described)]
    return {(record.dataset, record.task, record.metric) for record in short}


def _ahead(row: Mapping[Hashable, Any], first: str, second: str) -> str:
    """Name the row that is better beyond chance; empty if there is none, or if the metric ranks nothing."""
    gain = sign_of(row["better"]) * row["difference"]
    if not gain or not row["p_holm"] < SIGNIFICANT:
        return ""
    return first if gain > 0 else second


def _interval_rows(result: Scores) -> list[dict[str, object]]:
    records = {(r.dataset, r.derainer, r.task, r.metric): r for r in result.records}
    rows: list[dict[str, object]] = []
    untrained = untrained_in(result.records)
    for row, resamples in result.resamples.items():
        if row.derainer in untrained:
            continue
        recovered = _recoveries(result, row)
        for metric, drawn in resamples.items():
            record = records.get((row.dataset, row.derainer, row.task, metric))
            if record is None:
                continue
            found = interval(drawn, record.images)
            cells: dict[str, object] = {"dataset": row.dataset, "derainer": row.derainer, "task": row.task}
            cells |= {"metric": metric, "value": record.value}
            cells |= {"low": found.low, "high": found.high}
            rows.append(cells | recovered.get(metric, {}))
    return rows


def _recoveries(result: Scores, row: Row) -> dict[str, dict[str, object]]:
    """Compute the recoveries of one row, metric by metric, on the images that it shares with rain and clean."""
    rows = recovery_rows(row)
    if row.derainer in (RAIN, CLEAN) or not (common := common_images(result.judged, rows)):
        return {}
    parts = [result.on(one, common) for one in rows]
    found: dict[str, dict[str, object]] = {}
    for metric in parts[0].resamples:
        if not all(metric in part.records and metric in part.resamples for part in parts):
            continue
        point = recovery(*(np.array([part.records[metric].value]) for part in parts))[0]
        drawn = recovery(*(part.resamples[metric] for part in parts))
        images = min(part.records[metric].images for part in parts)
        ends = interval(drawn, images)
        if np.isfinite(point) and (ends.known or images < FEWEST_IMAGES):
            found[metric] = {"recovery": float(point), "recovery_low": ends.low, "recovery_high": ends.high}
    return found


def _unequal_pairs(result: Scores) -> Iterator[dict[str, object]]:
    """Yield the lines of ``differences.csv``."""
    for first, second in combinations(result.judged, 2):
        unequal = set(result.judged[first]) != set(result.judged[second])
        if not unequal or (first.dataset, first.task) != (second.dataset, second.task):
            continue
        common = common_images(result.judged, (first, second))
        ours, theirs = result.on(first, common), result.on(second, common)
        for metric in ours.resamples if common else ():
            if not all(metric in part.records and metric in part.resamples for part in (ours, theirs)):
                continue
            pair = [part.records[metric] for part in (ours, theirs)]
            drawn, images = ours.resamples[metric] - theirs.resamples[metric], min(one.images for one in pair)
            ends = interval(drawn, images)
            yield {
                "dataset": first.dataset, "task": first.task, "metric": metric,
                "first": first.derainer, "second": second.derainer, "images": images,
                "first_value": pair[0].value, "second_value": pair[1].value,
                "low": ends.low, "high": ends.high, "p": p_value(drawn, images),
            }  # fmt: skip


@dataclass(frozen=True)
class PairedDifference:
    """One metric of two rows of a run on the images that both have.

    Attributes:
        first: Record of the first row on these images.
        second: Record of the second row on these images: same dataset, task and metric.
        ends: 95 % interval of first - second, in the metric's unit; unknown on fewer than ten images.
        p: Two-sided p of no difference; NaN on fewer than ten images.
    """

    first: Record
    second: Record
    ends: Interval
    p: float

    @property
    def value(self) -> float:
        """Subtract the two scores, in the metric's unit."""
        return self.first.value - self.second.value

    @property
    def images(self) -> int:
        """Count the images on which both scores rest."""
        return min(self.first.images, self.second.images)


def paired_differences(
    root: Path, records: Sequence[Record], pairs: Sequence[tuple[str, str]]
) -> Iterator[PairedDifference]:
    """Subtract pairs of rows of a run, metric by metric, on the same images and the same resamples.

    Pairs of which one row has no resamples of a task or that share no image, and metrics that only one row has, are
    left out.

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
    unequal = _read_unequal(root)
    for first, second in pairs:
        for dataset, task in places:
            ours, theirs = Row(dataset, first, task), Row(dataset, second, task)
            for metric in resamples[ours].columns:
                if metric in resamples[theirs] and all(metric in scores.get(row, {}) for row in (ours, theirs)):
                    both = scores[ours][metric], scores[theirs][metric]
                    if (ours, theirs) in unequal:
                        if line := unequal[ours, theirs].get(metric):
                            yield _on_common(*both, line)
                        continue
                    drawn = (resamples[ours][metric] - resamples[theirs][metric]).to_numpy()
                    images = min(one.images for one in both)
                    yield PairedDifference(*both, interval(drawn, images), p_value(drawn, images))


def _on_common(first: Record, second: Record, line: Mapping[Hashable, Any]) -> PairedDifference:
    """Make a difference of a line of ``differences.csv``, whichever of its rows comes first."""
    images, turned = int(line["images"]), line["first"] != first.derainer
    values, ends = (line["first_value"], line["second_value"]), (line["low"], line["high"])
    if turned:
        values, ends = values[::-1], (-ends[1], -ends[0])
    ours, theirs = (
        replace(record, value=float(value), images=images)
        for record, value in zip((first, second), values, strict=True)
    )
    return PairedDifference(ours, theirs, Interval(float(ends[0]), float(ends[1])), float(line["p"]))


def _read_unequal(root: Path) -> dict[tuple[Row, Row], dict[str, Mapping[Hashable, Any]]]:
    """Read ``differences.csv``: both orders of two rows to metric to line; empty where all rows have the same images.

    Raises:
        UserError: The file is damaged or lacks a column.
    """
    found: dict[tuple[Row, Row], dict[str, Mapping[Hashable, Any]]] = {}
    for line in read_table(root / DIFFERENCES, _DIFFERENCE_COLUMNS).to_dict("records"):
        rows = [Row(str(line["dataset"]), str(line[name]), str(line["task"])) for name in ("first", "second")]
        for pair in ((rows[0], rows[1]), (rows[1], rows[0])):
            found.setdefault(pair, {})[str(line["metric"])] = line
    return found


def comparison(paired: PairedDifference, images: pd.DataFrame) -> dict[str, object]:
    """Make one row of the table of :func:`compare_rows`.

    Args:
        paired: One metric of two rows.
        images: ``per_image.csv`` of the run.
    """
    ours, theirs = paired.first, paired.second
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
        "low": paired.ends.low,
        "high": paired.ends.high,
        "p": paired.p,
        "images": f"{paired.images}/{ours.expected}",
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
