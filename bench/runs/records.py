"""Read and write ``records.csv`` and the other tables of a run folder."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Literal

import pandas as pd
from pandas.api.types import is_numeric_dtype

from bench.contract import Record
from bench.errors import UserError
from bench.io.files import atomic, csv_errors_as_user_errors

TEXT_COLUMNS = frozenset({
    "dataset", "derainer", "task", "model", "image", "metric", "unit", "by", "slice", "class", "over", "quality",
    "score", "stage", "reason", "precision", "device", "hardware", "failure",
})  # fmt: skip
"""Columns of a run folder's tables that hold text, in whichever table they are."""

UNTRAINED = "untrained weights; "
"""A record's protocol begins so if the derainer ran with random weights; no table shows it unless asked to."""


_RECORD_COLUMNS = [field.name for field in fields(Record)]


_RECORD_TEXTS = ("dataset", "derainer", "task", "model", "metric", "unit", "protocol", "protocol_hash")


_HASHLESS = _RECORD_COLUMNS[:-1]


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write a CSV file atomically: floats with six decimals, unknown cells empty."""
    with atomic(path) as part:
        frame.to_csv(part, index=False, float_format="%.6f", lineterminator="\n", encoding="utf-8")


def read_records(root: Path) -> list[Record]:
    """Read ``records.csv`` of a run.

    Raises:
        UserError: It is absent, has other columns, or holds text where numbers belong.
    """
    path = root / "records.csv"
    if not path.is_file():
        raise UserError(
            f"{path}: no such file; give the folder passed to 'derainbench run --out' after a run has ended"
        )
    with csv_errors_as_user_errors(path):
        frame = pd.read_csv(path, keep_default_na=False, dtype=str)
    if list(frame.columns) == _HASHLESS:
        frame["protocol_hash"] = ""  # published numbers, and runs of schema 1
    if list(frame.columns) != _RECORD_COLUMNS:
        raise UserError(f"{path}: expected the columns {', '.join(_RECORD_COLUMNS)}, found {', '.join(frame.columns)}")
    with csv_errors_as_user_errors(path):
        return [_record(row) for row in frame.to_dict("records")]


def long(records: Sequence[Record]) -> pd.DataFrame:
    """Make a long table of records: one metric a row."""
    return _frame(map(asdict, records), _RECORD_COLUMNS)


def mark_untrained(records: Sequence[Record], derainers: Sequence[str]) -> list[Record]:
    """Mark the records of these derainers as made with random weights, in their protocol."""
    return [
        replace(record, protocol=UNTRAINED + record.protocol) if record.derainer in derainers else record
        for record in records
    ]


def untrained_in(records: Sequence[Record]) -> list[str]:
    """List the rows whose weights are random."""
    return list(dict.fromkeys(record.derainer for record in records if record.protocol.startswith(UNTRAINED)))


def _record(row: Mapping[object, str]) -> Record:
    text = {name: row[name] for name in _RECORD_TEXTS}
    return Record(
        **text,
        value=float(row["value"]),
        images=int(row["images"]),
        expected=int(row["expected"]),
    )


def _frame(rows: Iterable[Mapping[str, object]], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame([{name: row[name] for name in columns} for row in rows], columns=list(columns))


def read_table(
    path: Path,
    columns: Sequence[str] = (),
    texts: Collection[str] = TEXT_COLUMNS,
    text_type: Literal["str", "category"] = "str",
) -> pd.DataFrame:
    """Read one CSV table of a run folder; where there is no such file, a table of these columns without rows.

    Only an empty cell is an unknown one: NaN among numbers, the empty string among texts. Other words that pandas takes
    for unknown, such as NA, None and null, are names like any other, and so are digits in a column of texts.

    Args:
        path: The file.
        columns: Columns that the table needs to have; it may have more.
        texts: Names of the columns that hold text. Every other column holds numbers.
        text_type: ``category`` packs texts that repeat in long tables.

    Raises:
        UserError: The file is damaged, lacks a column, or holds text where numbers belong.
    """
    if not path.is_file():
        return pd.DataFrame(columns=list(columns))
    with csv_errors_as_user_errors(path):
        names = pd.read_csv(path, nrows=0).columns
        numbers = [name for name in names if name not in texts]
        types = {name: text_type for name in names if name in texts}
        unknown = {name: [""] for name in numbers}
        frame = pd.read_csv(path, dtype=types, keep_default_na=False, na_values=unknown)
        if not isinstance(frame.index, pd.RangeIndex):  # pandas would shift the cells below the names
            raise ValueError("lines have more cells than the header has names")
        wrong = [name for name in numbers if len(frame) and not is_numeric_dtype(frame[name])]
        if wrong:
            raise ValueError(f"column {wrong[0]!r} holds text, expected numbers")
    if lacking := [name for name in columns if name not in frame]:
        raise UserError(f"{path}: lacks the columns {', '.join(lacking)}; give the command that wrote it again")
    return frame
