"""Records in, tables out: long and wide, as CSV, Markdown or LaTeX."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Literal

import pandas as pd

from bench.comparability import check_one_protocol
from bench.contract import Failure, Record
from bench.errors import MissingExtraError, UserError
from bench.files import atomic, damage_named, safe_name, write_text
from bench.headlines import shortened
from bench.latex import render_latex
from bench.runner import RunResult
from bench.summary import PerClass

Format = Literal["csv", "md", "latex", "html"]

UNTRAINED = "untrained weights; "
"""A record's protocol begins so if the derainer ran with random weights; no table shows it unless asked to."""

_DIGITS = {"dB": 2, "%": 2}
_RECORD_COLUMNS = [field.name for field in fields(Record)]
_RECORD_TEXTS = ("dataset", "derainer", "task", "model", "metric", "unit", "protocol", "protocol_hash")
_HASHLESS = _RECORD_COLUMNS[:-1]
_PER_CLASS_COLUMNS = ["dataset", "derainer", "task", "model", "class", "metric", "value", "unit", "support"]


def record_frames(result: RunResult, derainers: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Records, measures of classes, failures, and a wide table a dataset, by the names of their files."""
    tables = {record.dataset: f"tables/{safe_name(record.dataset)}.csv" for record in result.records}
    return {
        "records.csv": long(result.records),
        "per_class.csv": _frame(map(_per_class, result.per_class), _PER_CLASS_COLUMNS),
        "failures.csv": _frame(map(asdict, result.failures), [f.name for f in fields(Failure)]),
        **{name: wide(result.records, dataset, derainers, every_metric=True) for dataset, name in tables.items()},
    }


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write a CSV file atomically: floats with six decimals, unknown cells empty."""
    with atomic(path) as part:
        frame.to_csv(part, index=False, float_format="%.6f", lineterminator="\n", encoding="utf-8")


def write_parquet(path: Path, records: Sequence[Record]) -> None:
    """Write records as a Parquet file, typed, one a row.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise MissingExtraError("pyarrow", "parquet", "--format parquet")
    with atomic(path) as part:
        long(records).to_parquet(part, engine="pyarrow", index=False)


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


def wide(
    records: Sequence[Record],
    dataset: str,
    derainers: Sequence[str] = (),
    every_metric: bool = False,
    untrained: bool = False,
    mix: bool = False,
) -> pd.DataFrame:
    """One row a derainer, one column a metric, for one dataset; every cell is text.

    Args:
        records: Records of any datasets.
        dataset: Which one.
        derainers: Order of the rows; those without records get empty cells. Empty: as in the records.
        every_metric: False keeps the headline metrics, and all of a task that has none, such as a plug-in's. Per-class
            metrics stay in ``records.csv`` either way.
        untrained: True shows rows with random weights, too.
        mix: True also shows numbers that cannot be compared (:mod:`bench.comparability`) side by side.

    Raises:
        UserError: The dataset's records are of several protocols.
    """
    if not mix:
        check_one_protocol([record for record in records if record.dataset == dataset])
    hidden = () if untrained else untrained_in(records)
    chosen = [
        record
        for record in records
        if record.dataset == dataset and "[" not in record.metric and record.derainer not in hidden
    ]
    rows = [name for name in derainers if name not in hidden]
    rows = rows or list(dict.fromkeys(record.derainer for record in chosen))
    if not every_metric:
        chosen = shortened(chosen)
    counts = _counts(chosen)
    cells: dict[str, dict[str, str]] = {name: {"derainer": name} for name in rows}
    for record in chosen:
        heading = record.metric + (f" ({record.unit})" if record.unit else "")
        digits = 0 if record.metric in counts else _DIGITS.get(record.unit, 4)
        cells[record.derainer][heading] = f"{record.value:.{digits}f}"
    for name in rows:
        cells[name]["images"] = _coverage([record for record in chosen if record.derainer == name])
    headings = dict.fromkeys(heading for row in cells.values() for heading in row if heading != "images")
    return pd.DataFrame(list(cells.values()), columns=[*headings, "images"], dtype=str).fillna("")


def render(frame: pd.DataFrame, format: Format) -> str:
    """A table as text: CSV, a Markdown pipe table, an HTML table, or a LaTeX ``tabular`` (:mod:`bench.latex`)."""
    if format == "csv":
        return frame.to_csv(index=False, float_format="%.6f", lineterminator="\n")
    if format == "md":
        alignment = ["left", *["right"] * (len(frame.columns) - 1)]
        return str(frame.to_markdown(index=False, disable_numparse=True, colalign=alignment)) + "\n"
    if format == "html":
        return frame.to_html(index=False, border=0, na_rep="", classes="derainbench") + "\n"
    return render_latex(frame)


def paste(path: Path, title: str, frame: pd.DataFrame) -> None:
    """Put a table into a Markdown file, below the line ``<!-- table: TITLE -->``, in place of one that is there.

    Raises:
        UserError: The file cannot be read, or has no such line.
    """
    marker = f"<!-- table: {title} -->\n"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); give a Markdown file") from error
    if marker not in text:
        raise UserError(f"{path}: has no line {marker.strip()!r} below which the table would go")
    before, _, after = text.partition(marker)
    rest = re.sub(r"\A(\|[^\n]*\n)*", "", after)
    write_text(path, before + marker + render(frame, "md") + rest)


def _coverage(records: Sequence[Record]) -> str:
    """``n/m``: the fewest images that a shown metric rests on, of those expected."""
    fewest = min(records, key=lambda record: record.images, default=None)
    return f"{fewest.images}/{fewest.expected}" if fewest else ""


def _counts(records: Sequence[Record]) -> set[str]:
    """Metrics that count something: no unit, whole in every row, and not all 0 or 1."""
    values: dict[str, list[float]] = {}
    for record in records:
        if not record.unit:
            values.setdefault(record.metric, []).append(float(record.value))
    return {metric for metric, found in values.items() if max(found) > 1 and all(map(float.is_integer, found))}


def _record(row: Mapping[object, str]) -> Record:
    text = {name: row[name] for name in _RECORD_TEXTS}
    return Record(
        **text,
        value=float(row["value"]),
        images=int(row["images"]),
        expected=int(row["expected"]),
    )


def _per_class(row: PerClass) -> dict[str, object]:
    return {**asdict(row), **asdict(row.measure), "class": row.measure.label}


def _frame(rows: Iterable[Mapping[str, object]], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame([{name: row[name] for name in columns} for row in rows], columns=list(columns))
