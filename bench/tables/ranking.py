"""Rank the rows of a table: the order of a leaderboard, and the places behind the marks of a printed table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from bench.contract import Metric, Record
from bench.errors import UserError
from bench.runs.rows import kind_of
from bench.scoring.metrics import heading, main_metrics, sign_of, stem_of

if TYPE_CHECKING:
    import pandas as pd

FEWER = " *"
"""Ends a number that rests on fewer images than others of its column; it is not ranked among them."""
FEWER_TEXT = (
    "* on fewer images than others of its column, so not ranked; derainbench compare uses those that both rows have"
)
"""The same for people, to stand below a table."""
OWN_GUIDE = " ‡"
"""Ends a number of a model that judges weights whose training it guided; it is not ranked."""
MARKS: Mapping[str, str] = MappingProxyType({
    FEWER: FEWER_TEXT,
    OWN_GUIDE: "‡ judged by its own guide: the model that judges guided the training of the weights, so not ranked",
})  # fmt: skip
"""Every mark of numbers that are not ranked, and what it says below a table."""


def marks_in(cell: str) -> list[str]:
    """List the marks (:data:`MARKS`) of one cell's number; its interval may follow."""
    number, found = cell.partition(" [")[0], list[str]()
    while mark := next((mark for mark in MARKS if number.endswith(mark)), ""):
        found.append(mark)
        number = number.removesuffix(mark)
    return found


def without_marks(cell: str) -> str:
    """Take the marks off the end of one cell."""
    while mark := next((mark for mark in MARKS if cell.endswith(mark)), ""):
        cell = cell.removesuffix(mark)
    return cell


def notes_of(cells: Iterable[str]) -> list[str]:
    """List what the marks of some cells say, to stand below their table."""
    there = {mark for cell in cells for mark in marks_in(cell)}
    return [text for mark, text in MARKS.items() if mark in there]


def unmarked(frame: pd.DataFrame) -> pd.DataFrame:
    """Take the marks off a wide table: files for programs hold bare numbers, and ``records.csv`` the images of each."""
    return frame.map(lambda cell: without_marks(cell) if isinstance(cell, str) else cell)


def column_signs(records: Iterable[Record]) -> dict[str, int]:
    """Map the columns of a wide table that rank its rows to their direction: 1 higher, -1 lower is better.

    Args:
        records: The records behind the table.
    """
    return {heading(one.metric, one.unit): sign for one in records if (sign := sign_of(one.better))}


def places(frame: pd.DataFrame, signs: Mapping[str, int]) -> dict[str, list[int]]:
    """Rank every row in every column that ranks: 1 is best, 0 is no rank; equal text has equal rank.

    Numbers that are marked (:data:`MARKS`) have no rank.

    Args:
        frame: A wide table (:func:`bench.tables.wide.wide`). Its rows ``rain`` and ``clean`` are no competitors.
        signs: Heading to direction (:func:`column_signs`); headings that the table lacks play no part.
    """
    found: dict[str, list[int]] = {}
    for name in map(str, frame.columns):
        if name not in signs:
            continue
        values = [
            None if kind_of(str(row)) != "derainer" or (value := _number(str(cell))) is None else signs[name] * value
            for row, cell in zip(frame["derainer"], frame[name], strict=True)
        ]
        if sum(value is not None for value in values) < 2:
            continue  # a single derainer is neither best nor second
        order = sorted({value for value in values if value is not None}, reverse=True)
        found[name] = [0 if value is None else 1 + order.index(value) for value in values]
    return found


def ranked(
    frame: pd.DataFrame, records: Sequence[Record], by: str = "", described: Sequence[Metric] = ()
) -> pd.DataFrame:
    """Order the rows of a wide table by one column, best first; the rain stays above and the clean images below.

    Args:
        frame: A wide table.
        records: The records behind the table.
        by: The metric, with or without its thresholds and unit; empty for the main metric of the first vision task,
            else the first column that ranks.
        described: Metrics of tasks from outside, from the cards of the runs.

    Raises:
        UserError: No column that ranks has this name.
    """
    signs = column_signs(records)
    ranks = places(frame, signs)
    metrics = {name: one.metric for one in records if (name := heading(one.metric, one.unit)) in ranks}
    column = _column({name: metrics[name] for name in ranks}, by, main_metrics(records, described))
    if column is None:
        return frame
    last = len(frame) + 1
    order = [(ranks[column][row] or last, row) for row in range(len(frame))]
    kinds = [kind_of(str(name)) for name in frame["derainer"]]
    middle = [row for _, row in sorted(order) if kinds[row] == "derainer"]
    above = [row for row, kind in enumerate(kinds) if kind == "rain"]
    below = [row for row, kind in enumerate(kinds) if kind in ("clean", "harm test")]
    return frame.iloc[[*above, *middle, *below]].reset_index(drop=True)


def _column(metrics: Mapping[str, str], by: str, main: Sequence[str]) -> str | None:
    """Find the heading to sort by; ``metrics`` maps the headings that rank to their metrics."""
    for wanted in (by,) if by else main:
        for name, metric in metrics.items():
            if wanted in (name, metric, stem_of(metric)):
                return name
    if by:
        known = ", ".join(metrics.values()) or "none"
        raise UserError(f"--sort {by}: no such column; those that rank: {known}")
    return next(iter(metrics), None)


def _number(cell: str) -> float | None:
    """Read the number that a cell begins with; its interval may follow. None if it is marked."""
    if marks_in(cell):
        return None
    try:
        return float(cell.partition(" ")[0])
    except ValueError:
        return None
