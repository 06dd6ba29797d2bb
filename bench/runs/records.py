"""Read and write ``records.csv`` and the other tables of a run folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import pandas as pd

from bench.contract import Better, Record
from bench.errors import UserError
from bench.io.files import atomic, damage_named
from bench.io.metrics import built_in_metrics, to_better

_RECORD_COLUMNS = [field.name for field in fields(Record)]
_RECORD_TEXTS = ("dataset", "derainer", "task", "model", "metric", "unit", "protocol", "protocol_hash")
_OLDER_COLUMNS = (_RECORD_COLUMNS[:-3], _RECORD_COLUMNS[:-2])
"""Columns of schema 1, which had no hashes, and of schema 2, which knew neither ``better`` nor ``untrained``."""
_UNTRAINED_PREFIX = "untrained weights; "
"""Schemas 1 and 2 put this before the protocol of rows with random weights."""
_BOOLEANS = {"True": True, "False": False}


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write one table as a CSV file, atomically: floats with six decimals, unknown cells empty."""
    with atomic(path) as part:
        frame.to_csv(part, index=False, float_format="%.6f", lineterminator="\n", encoding="utf-8")


def read_records(root: Path) -> list[Record]:
    """Read ``records.csv`` of one run, of this or an older schema.

    Raises:
        UserError: The file is absent, has other columns, or holds text where numbers belong.
    """
    path = root / "records.csv"
    if not path.is_file():
        raise UserError(
            f"{path}: no such file; give the folder passed to 'derainbench run --out' after a run has ended"
        )
    with damage_named(path):
        frame = pd.read_csv(path, keep_default_na=False, dtype=str)
    rows: list[Mapping[str, str]] = [dict(zip(frame.columns, row, strict=True)) for row in frame.to_numpy().tolist()]
    if list(frame.columns) in _OLDER_COLUMNS:
        rows = [_of_older_schema(row) for row in rows]
    elif list(frame.columns) != _RECORD_COLUMNS:
        raise UserError(f"{path}: expected the columns {', '.join(_RECORD_COLUMNS)}, found {', '.join(frame.columns)}")
    with damage_named(path):
        return [_record(row) for row in rows]


def long(records: Sequence[Record]) -> pd.DataFrame:
    """Make the table ``records.csv`` of some records: one metric of one derainer a row."""
    return table_of(map(asdict, records), _RECORD_COLUMNS)


def untrained_in(records: Sequence[Record]) -> list[str]:
    """List the derainers that ran with random weights, in the order of the records."""
    return list(dict.fromkeys(record.derainer for record in records if record.untrained))


def table_of(rows: Iterable[Mapping[str, object]], columns: Sequence[str]) -> pd.DataFrame:
    """Make a table of rows, with these columns even if there is no row."""
    return pd.DataFrame([{name: row[name] for name in columns} for row in rows], columns=list(columns))


def read_table(path: Path) -> pd.DataFrame:
    """Read one CSV table of a run; empty if the file is absent.

    Raises:
        UserError: The file is damaged.
    """
    if not path.is_file():
        return pd.DataFrame()
    with damage_named(path):
        return pd.read_csv(path, dtype={"image": str}, keep_default_na=False, na_values=[""])


def _record(row: Mapping[str, str]) -> Record:
    if row["untrained"] not in _BOOLEANS:
        raise ValueError(f"expected True or False for untrained, got {row['untrained']!r}")
    text = {name: row[name] for name in _RECORD_TEXTS}
    return Record(
        **text,
        value=float(row["value"]),
        images=int(row["images"]),
        expected=int(row["expected"]),
        better=to_better(row["better"]),
        untrained=_BOOLEANS[row["untrained"]],
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
