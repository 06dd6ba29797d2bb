"""Read ``cost.csv`` and put costs beside the scores of a table of derainers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

import pandas as pd

from bench.errors import UserError
from bench.perf.cost import Cost
from bench.runs.records import read_table

_NEEDED = ("derainer", "task", "height", "width", "latency_ms", "parameters", "gflop")


def with_costs(frame: pd.DataFrame, run: Path) -> pd.DataFrame:
    """Add columns to a table: what each row's derainer costs alone.

    They are millions of parameters and, of every size that was measured, milliseconds an image and 10^9 operations;
    cells are text, empty where nothing is known.

    Args:
        frame: Table whose column ``derainer`` names the rows.
        run: Run folder with ``cost.csv``.

    Raises:
        UserError: There is no such file, or it is damaged.
    """
    costs = read_costs(run)
    alone = costs[(costs["task"] == "") & costs["derainer"].isin(frame["derainer"])]
    joined = frame.copy()
    by_name = alone.drop_duplicates("derainer").set_index("derainer")
    joined["params (M)"] = [_text(by_name, name, "parameters", 1e-6, 2) for name in frame["derainer"]]
    for (height, width), rows in alone.groupby(["height", "width"], sort=False):
        of_size = rows.set_index("derainer")
        for heading, column, digits in (("ms", "latency_ms", 1), ("GFLOP", "gflop", 0)):
            cells = [_text(of_size, name, column, 1.0, digits) for name in frame["derainer"]]
            joined[f"{heading} {width:.0f}x{height:.0f}"] = cells
    return joined


def cost_frame(costs: Sequence[Cost]) -> pd.DataFrame:
    """Make the table of ``cost.csv``: one row a cost."""
    frame = pd.DataFrame([asdict(cost) for cost in costs], columns=[field.name for field in fields(Cost)])
    return frame.astype({"parameters": "Int64"})


def read_costs(run: Path) -> pd.DataFrame:
    """Read the costs of a run's derainers, ``cost.csv``.

    Raises:
        UserError: There is no such file, it is damaged, or lacks a column.
    """
    path = run / "cost.csv"
    if not path.is_file():
        raise UserError(f"{path}: no such file; measure first: derainbench cost {run}")
    return read_table(path, _NEEDED)


def _text(rows: pd.DataFrame, name: str, column: str, scale: float, digits: int) -> str:
    """Print one cell of a derainer's row, scaled and rounded; empty where it is unknown."""
    known = rows[column].astype(float).to_dict()
    value = known.get(name, math.nan)
    return f"{value * scale:.{digits}f}" if math.isfinite(value) else ""
