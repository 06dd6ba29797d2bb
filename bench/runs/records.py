"""Read and write ``records.csv`` and the other tables of a run folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path

import pandas as pd

from bench.contract import Record
from bench.errors import UserError
from bench.io.files import atomic, damage_named

UNTRAINED = "untrained weights; "
"""A record's protocol begins so if the derainer ran with random weights; no table shows it unless asked to."""


_RECORD_COLUMNS = [field.name for field in fields(Record)]


_RECORD_TEXTS = ("dataset", "derainer", "task", "model", "metric", "unit", "protocol", "protocol_hash")


_HASHLESS = _RECORD_COLUMNS[:-1]


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write a CSV file atomically: floats with six decimals, unknown cells empty."""
    with atomic(path) as part:
        frame.to_csv(
            part, index=False, float_format="%.6f", lineterminator="\n", encoding="utf-8", errors="backslashreplace"
        )


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
    with damage_named(path):
        frame = pd.read_csv(path, keep_default_na=False, dtype=str)
    if list(frame.columns) == _HASHLESS:
        frame["protocol_hash"] = ""  # published numbers, and runs of schema 1
    if list(frame.columns) != _RECORD_COLUMNS:
        raise UserError(f"{path}: expected the columns {', '.join(_RECORD_COLUMNS)}, found {', '.join(frame.columns)}")
    with damage_named(path):
        return [_record(row) for row in frame.to_dict("records")]


def long(records: Sequence[Record]) -> pd.DataFrame:
    """Every record, one metric a row."""
    return _frame(map(asdict, records), _RECORD_COLUMNS)


def mark_untrained(records: Sequence[Record], derainers: Sequence[str]) -> list[Record]:
    """Say in the protocol of these derainers' records that their weights are random."""
    return [
        replace(record, protocol=UNTRAINED + record.protocol) if record.derainer in derainers else record
        for record in records
    ]


def untrained_in(records: Sequence[Record]) -> list[str]:
    """Names of the rows whose weights are random."""
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


def read_table(path: Path) -> pd.DataFrame:
    """A table of the run; empty where there is none."""
    if not path.is_file():
        return pd.DataFrame()
    with damage_named(path):
        return pd.read_csv(path, dtype={"image": str}, keep_default_na=False, na_values=[""])
