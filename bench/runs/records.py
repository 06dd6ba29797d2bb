"""Read and write ``records.csv`` and the other tables of a run folder."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Literal

import pandas as pd
from pandas.api.types import is_numeric_dtype

from bench.contract import Better, Record
from bench.errors import UserError
from bench.io.files import atomic, csv_errors_as_user_errors
from bench.io.metrics import built_in_metrics, to_better

TEXT_COLUMNS = frozenset({
    "counted", "fate", "first", "label", "second",
    "dataset", "derainer", "task", "model", "image", "metric", "unit", "by", "slice", "class", "over", "quality",
    "score", "stage", "reason", "precision", "device", "hardware", "failure",
})  # fmt: skip
"""Columns of a run folder's tables that hold text, in whichever table they are."""

_OWN_GUIDE = "own_guide"
"""A column that is there where a model judges weights whose training it guided."""
_RECORD_COLUMNS = [field.name for field in fields(Record) if field.name != _OWN_GUIDE]
_RECORD_TEXTS = ("dataset", "derainer", "task", "model", "metric", "unit", "protocol", "protocol_hash")
_OLDER_COLUMNS = (_RECORD_COLUMNS[:-3], _RECORD_COLUMNS[:-2])
"""Columns of schema 1, which had no hashes, and of schema 2, which knew neither ``better`` nor ``untrained``."""
_UNTRAINED_PREFIX = "untrained weights; "
"""Schemas 1 and 2 put this before the protocol of rows with random weights."""
_BOOLEANS = {"True": True, "False": False}


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write one table as a CSV file, atomically: floats with six decimals, unknown cells empty."""
    with atomic(path) as part:
        frame.to_csv(
            part, index=False, float_format="%.6f", lineterminator="\n", encoding="utf-8", errors="backslashreplace"
        )


def read_records(root: Path) -> list[Record]:
    """Read ``records.csv`` of one run, of this or an older schema.

    Examples:
        >>> from pathlib import Path
        >>> from bench.api import read_records
        >>> sorted({record.derainer for record in read_records(Path("run1"))})
        ['classical', 'rain']

    Raises:
        UserError: The file is absent, has other columns, or holds text where numbers belong.
    """
    path = root / "records.csv"
    if not path.is_file():
        raise UserError(
            f"{path}: no such file; give the folder passed to 'derainbench run --out' after a run has ended"
        )
    with csv_errors_as_user_errors(path):
        frame = pd.read_csv(path, keep_default_na=False, dtype=str)
    rows: list[Mapping[str, str]] = [dict(zip(frame.columns, row, strict=True)) for row in frame.to_numpy().tolist()]
    if list(frame.columns) in _OLDER_COLUMNS:
        rows = [_of_older_schema(row) for row in rows]
    elif [name for name in frame.columns if name != _OWN_GUIDE] != _RECORD_COLUMNS:
        raise UserError(f"{path}: expected the columns {', '.join(_RECORD_COLUMNS)}, found {', '.join(frame.columns)}")
    with csv_errors_as_user_errors(path):
        return [_record(row) for row in rows]


def long(records: Sequence[Record]) -> pd.DataFrame:
    """Make the table ``records.csv`` of some records: one metric of one derainer a row."""
    own_guide = [_OWN_GUIDE] if any(record.own_guide for record in records) else []
    return table_of(map(asdict, records), [*_RECORD_COLUMNS, *own_guide])


def untrained_in(records: Sequence[Record]) -> list[str]:
    """List the derainers that ran with random weights, in the order of the records."""
    return list(dict.fromkeys(record.derainer for record in records if record.untrained))


def table_of(rows: Iterable[Mapping[str, object]], columns: Sequence[str]) -> pd.DataFrame:
    """Make a table of rows, with these columns even if there is no row."""
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
        # At once: read in pieces, a long table leaves three times the memory behind in what is freed between them.
        frame = pd.read_csv(path, dtype=types, keep_default_na=False, na_values=unknown, low_memory=False)
        if not isinstance(frame.index, pd.RangeIndex):  # pandas would shift the cells below the names
            raise ValueError("lines have more cells than the header has names")
        wrong = [name for name in numbers if len(frame) and not is_numeric_dtype(frame[name])]
        if wrong:
            raise ValueError(f"column {wrong[0]!r} holds text, expected numbers")
    if lacking := [name for name in columns if name not in frame]:
        raise UserError(f"{path}: lacks the columns {', '.join(lacking)}; give the command that wrote it again")
    return frame


def _record(row: Mapping[str, str]) -> Record:
    flags = {name: row.get(name, "False") for name in ("untrained", _OWN_GUIDE)}
    if wrong := [name for name, text in flags.items() if text not in _BOOLEANS]:
        raise ValueError(f"expected True or False for {wrong[0]}, got {flags[wrong[0]]!r}")
    text = {name: row[name] for name in _RECORD_TEXTS}
    return Record(
        **text,
        value=float(row["value"]),
        images=int(row["images"]),
        expected=int(row["expected"]),
        better=to_better(row["better"]),
        untrained=_BOOLEANS[flags["untrained"]],
        own_guide=_BOOLEANS[flags[_OWN_GUIDE]],
    )


def _of_older_schema(row: Mapping[str, str]) -> dict[str, str]:
    """Convert one row of schema 1 or 2 to the columns of this schema."""
    protocol = row["protocol"].removeprefix(_UNTRAINED_PREFIX)
    return {
        "protocol_hash": "",
        **row,
        "protocol": protocol,
        "better": _older_direction(row["metric"], row["unit"]),
        "untrained": str(protocol != row["protocol"]),
    }


def _older_direction(metric: str, unit: str) -> Better:
    """Tell the direction of a metric in schemas 1 and 2: of undescribed ones, higher dB and per cent were better."""
    known = built_in_metrics().find(metric)
    return known.better if known else "higher" if unit in ("dB", "%") else ""
