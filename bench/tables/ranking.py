"""Which row is best? Order of a leaderboard, and the marks of a printed table."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bench.errors import UserError
from bench.runs.rows import kind_of
from bench.scoring.metrics import _TASKS_FIRST, base_of, sign_of


def places(frame: pd.DataFrame) -> dict[str, list[int]]:
    """Rank of every row in every column that ranks: 1 is best, 0 is no rank; equal text has equal rank.

    Args:
        frame: A wide table (:func:`bench.tables.wide.wide`). Its rows ``rain`` and ``clean`` are no competitors.
    """
    found: dict[str, list[int]] = {}
    for heading in frame.columns:
        if not (sign := sign_of(str(heading))):
            continue
        values = [
            None if kind_of(str(name)) != "derainer" or (value := _number(str(cell))) is None else sign * value
            for name, cell in zip(frame["derainer"], frame[heading], strict=True)
        ]
        if sum(value is not None for value in values) < 2:
            continue  # a single derainer is neither best nor second
        order = sorted({value for value in values if value is not None}, reverse=True)
        found[str(heading)] = [0 if value is None else 1 + order.index(value) for value in values]
    return found


def ranked(frame: pd.DataFrame, by: str = "") -> pd.DataFrame:
    """A wide table in the order of one column, best first; the rain stays above and the clean images below.

    Args:
        frame: A wide table.
        by: The metric, with or without its protocol and unit; empty for what the task is about: AP, else mIoU,
            else the first column that ranks.

    Raises:
        UserError: No column that ranks has this name.
    """
    ranks = places(frame)
    heading = _column(list(ranks), by)
    if heading is None:
        return frame
    last = len(frame) + 1
    order = [(ranks[heading][row] or last, row) for row in range(len(frame))]
    kinds = [kind_of(str(name)) for name in frame["derainer"]]
    middle = [row for _, row in sorted(order) if kinds[row] == "derainer"]
    above = [row for row, kind in enumerate(kinds) if kind == "rain"]
    below = [row for row, kind in enumerate(kinds) if kind in ("clean", "harm test")]
    return frame.iloc[[*above, *middle, *below]].reset_index(drop=True)


def _column(headings: Sequence[str], by: str) -> str | None:
    for wanted in (by,) if by else _TASKS_FIRST:
        for heading in headings:
            metric = heading.partition(" ")[0]
            if wanted in (heading, metric, base_of(metric)):
                return heading
    if by:
        known = ", ".join(heading.partition(" ")[0] for heading in headings) or "none"
        raise UserError(f"--sort {by}: no such column; those that rank: {known}")
    return headings[0] if headings else None


def _number(cell: str) -> float | None:
    """The number that a cell begins with; its interval may follow."""
    try:
        return float(cell.partition(" ")[0])
    except ValueError:
        return None
