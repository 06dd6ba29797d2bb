"""Turn records and other tables into those of the page: cells with text, number to sort by and interval. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from bench.contract import Metric, Record
from bench.runs.records import untrained_in
from bench.runs.rows import RowKind, kind_of
from bench.scoring.estimates import Estimate, Estimates
from bench.scoring.metrics import most_images, shortened, signs_of, unit_digits
from bench.tables.ranking import FEWER, MARKS, OWN_GUIDE


@dataclass(frozen=True)
class Cell:
    """One cell of a table on the page.

    Attributes:
        text: Text of the cell.
        value: Number to sort by; None sorts by the text, and an empty text goes last.
        interval: ``low – high``, or empty.
        best: True for the best derainer of its column.
        marks: Why its number is not ranked among others of its column (:data:`bench.tables.ranking.MARKS`); empty for
            most.
    """

    text: str
    value: float | None = None
    interval: str = ""
    best: bool = False
    marks: str = ""


@dataclass(frozen=True)
class TableRow:
    """One row of a table on the page: its name, its kind and its cells."""

    name: str
    kind: RowKind
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Column:
    """Heading and unit of one column; ``numeric`` ones are set flush right and sorted from high to low at first."""

    heading: str
    unit: str = ""
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """A table of the page; ``first`` heads the column of the rows' names, ``note`` stands below."""

    title: str
    first: str
    columns: tuple[Column, ...]
    lines: tuple[TableRow, ...]
    note: str = ""


def headline_metrics(records: Sequence[Record], dataset: str, described: Sequence[Metric] = ()) -> list[str]:
    """List all headline metrics of one dataset and the metrics of plug-in tasks, in the order of the short table."""
    of_whole = [record for record in records if record.dataset == dataset and "[" not in record.metric]
    return list(dict.fromkeys(record.metric for record in shortened(of_whole, True, described)))


def score_table(
    records: Sequence[Record],
    estimates: Estimates,
    dataset: str,
    rows: Sequence[str],
    described: Sequence[Metric] = (),
) -> Table:
    """Make the table of one dataset's headline metrics with intervals; mark the best derainer of each column."""
    metrics, untrained = headline_metrics(records, dataset, described), untrained_in(records)
    units = {record.metric: record.unit for record in records}
    counts = _coverage(records, dataset, metrics)
    marks = _marks(records, dataset)
    lines = [
        TableRow(
            name,
            kind_of(name, untrained),
            (
                *(score_cell(estimates.get((dataset, name, m)), marks.get((name, m), "")) for m in metrics),
                counts.get(name, Cell("")),
            ),
        )
        for name in rows
    ]
    columns = [Column(metric, units[metric]) for metric in metrics]
    directions = signs_of(record for record in records if record.dataset == dataset)
    signs = [directions[metric] for metric in metrics]
    note = "; ".join(text for mark, text in MARKS.items() if mark in "".join(marks.values()))
    return Table(f"Scores on {dataset}", "row", (*columns, Column("images")), _with_best(lines, signs), note)


def recovery_table(
    records: Sequence[Record],
    estimates: Estimates,
    dataset: str,
    rows: Sequence[str],
    described: Sequence[Metric] = (),
) -> Table | None:
    """Make the table of every derainer's recovery on one dataset, in per cent; None where none is known."""
    untrained, guided = untrained_in(records), own_guide_in(records, dataset)
    metrics = [
        metric
        for metric in headline_metrics(records, dataset, described)
        if any(math.isfinite(estimate.recovery) for estimate in _of(estimates, dataset, rows, metric))
    ]
    lines = [
        TableRow(
            name,
            kind_of(name, untrained),
            tuple(
                _recovery_cell(estimates.get((dataset, name, m)), OWN_GUIDE * ((name, m) in guided)) for m in metrics
            ),
        )
        for name in rows
        if kind_of(name, untrained) in ("derainer", "untrained")
    ]
    if not metrics or not lines:
        return None
    columns = tuple(Column(metric, "%") for metric in metrics)
    note = "Only of losses that are certain: where the interval of clean − rain holds 0, there is nothing to recover."
    return Table(f"Recovery on {dataset}", "derainer", columns, _with_best(lines, [1] * len(metrics)), note)


def plain_table(title: str, frame: pd.DataFrame) -> Table:
    """Make a table of any data frame: its first column names the rows; columns of numbers and blanks are numeric."""
    texts = frame.astype(object).where(frame.notna(), "").map(_text)
    columns = [str(column) for column in frame.columns]
    numeric = [all(cell == "" or _number(cell) is not None for cell in texts[column]) for column in frame.columns]
    lines = tuple(
        TableRow(
            row[0],
            "derainer",
            tuple(Cell(text, _number(text) if n else None) for text, n in zip(row[1:], numeric[1:], strict=True)),
        )
        for row in texts.itertuples(index=False, name=None)
    )
    return Table(title, columns[0], tuple(map(_column, columns[1:], numeric[1:])), lines)


def shown(value: float, unit: str, more: int = 0) -> str:
    """Print a number with the digits of its unit (:func:`bench.scoring.metrics.unit_digits`), and ``more``."""
    return f"{value:.{more + unit_digits(unit)}f}"


def _column(heading: str, numeric: bool) -> Column:
    return Column(heading, "", numeric)


def score_cell(estimate: Estimate | None, marks: str = "") -> Cell:
    """Make the cell of one score with its interval, empty without a score; with marks it is not ranked."""
    if estimate is None:
        return Cell("")
    interval = ""
    if math.isfinite(estimate.low):
        interval = " – ".join(shown(end, estimate.unit, -1) for end in (estimate.low, estimate.high))
    return Cell(shown(estimate.value, estimate.unit) + marks, estimate.value, interval, marks=marks)


def own_guide_in(records: Sequence[Record], dataset: str) -> set[tuple[str, str]]:
    """Find the rows and metrics of one dataset whose model guided the training of the row's weights."""
    return {(record.derainer, record.metric) for record in records if record.own_guide and record.dataset == dataset}


def _marks(records: Sequence[Record], dataset: str) -> dict[tuple[str, str], str]:
    """Mark the rows and metrics of one dataset whose numbers are not ranked among others of the metric."""
    own = [record for record in records if record.dataset == dataset]
    most = most_images(own)
    return {
        (record.derainer, record.metric): marks
        for record in own
        if (marks := FEWER * (record.images < most[record.metric]) + OWN_GUIDE * record.own_guide)
    }


def _recovery_cell(estimate: Estimate | None, marks: str) -> Cell:
    if estimate is None or not math.isfinite(estimate.recovery):
        return Cell("")
    ends = (estimate.recovery_low, estimate.recovery_high)
    interval = " – ".join(map(percent, ends)) if all(map(math.isfinite, ends)) else ""
    return Cell(percent(estimate.recovery) + marks, estimate.recovery, interval, marks=marks)


def percent(ratio: float) -> str:
    """Format one ratio in whole per cent, with a true minus sign and without a negative zero."""
    return f"{round(100 * ratio)}".replace("-", "−")


def _coverage(records: Sequence[Record], dataset: str, metrics: Sequence[str]) -> dict[str, Cell]:
    """Find the fewest images on which a shown number of each row rests, of those expected: ``n/m``."""
    shown_ones = [record for record in records if record.dataset == dataset and record.metric in metrics]
    fewest: dict[str, Record] = {}
    for record in shown_ones:
        fewest[record.derainer] = min(fewest.get(record.derainer, record), record, key=lambda one: one.images)
    return {name: Cell(f"{one.images}/{one.expected}", float(one.images)) for name, one in fewest.items()}


def _with_best(lines: Sequence[TableRow], signs: Sequence[int]) -> tuple[TableRow, ...]:
    """Mark the best derainer of each column that ranks, where at least two are compared; ties are all best.

    Args:
        lines: All rows.
        signs: Direction of each of the first columns: 1 higher is better, -1 lower is, 0 ranks nothing.
    """
    ranked = [line for line in lines if line.kind == "derainer"]
    best: dict[int, float] = {}
    for index, sign in enumerate(signs):
        cells = [line.cells[index] for line in ranked]
        values = [sign * cell.value for cell in cells if cell.value is not None and not cell.marks]
        if sign and len(values) > 1:
            best[index] = max(values)
    return tuple(
        replace(
            line,
            cells=tuple(
                replace(cell, best=line.kind == "derainer" and _is(cell, best.get(i), signs[i : i + 1]))
                for i, cell in enumerate(line.cells)
            ),
        )
        for line in lines
    )


def _is(cell: Cell, best: float | None, sign: Sequence[int]) -> bool:
    return best is not None and cell.value is not None and not cell.marks and sign[0] * cell.value == best


def _of(estimates: Estimates, dataset: str, rows: Sequence[str], metric: str) -> list[Estimate]:
    return [found for row in rows if (found := estimates.get((dataset, row, metric)))]


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
