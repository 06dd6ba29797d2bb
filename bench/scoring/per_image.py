"""Pack, join and read measures of single images, ``per_image.csv``: a run has more of them than of all else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from bench.contract import ImageMeasure
from bench.runs.records import read_table
from bench.runs.rows import Row

COLUMNS = ["dataset", "derainer", "task", "model", "image", "metric", "value"]
_TEXTS = COLUMNS[:-1]


def pack_measures(row: Row, model: str, measures: Sequence[ImageMeasure]) -> pd.DataFrame:
    """Pack the measures of one row into lines of ``per_image.csv``, in the given order; texts are categories."""
    place = dict(zip(_TEXTS, (row.dataset, row.derainer, row.task, model), strict=False))
    same = np.zeros(len(measures), dtype=np.int8)
    texts = {name: pd.Categorical.from_codes(same, pd.Index([text])) for name, text in place.items()}
    own = {name: pd.Categorical([getattr(measure, name) for measure in measures]) for name in ("image", "metric")}
    values = np.array([measure.value for measure in measures], dtype=np.float64)
    return pd.DataFrame({**texts, **own, "value": values}, columns=COLUMNS)


def join_measures(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Join the parts that :func:`pack_measures` gave into one ``per_image.csv``, one after the other."""
    if not (frames := [part for part in parts if len(part)]):
        return pd.DataFrame(columns=COLUMNS)
    texts = {name: union_categoricals([frame[name] for frame in frames]) for name in _TEXTS}
    return pd.DataFrame({**texts, "value": np.concatenate([frame["value"] for frame in frames])}, columns=COLUMNS)


def read_measures(root: Path) -> pd.DataFrame:
    """Read ``per_image.csv`` of a run; empty if it has none.

    Raises:
        UserError: The file is damaged or lacks a column.
    """
    return read_table(root / "per_image.csv", COLUMNS, text_type="category")
