"""Make wide tables of records, and render tables as CSV, Markdown, HTML or LaTeX."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import pandas as pd

from bench.contract import Metric, Record
from bench.errors import MissingExtraError, UserError
from bench.io.files import atomic, write_text
from bench.io.metrics import parse_metric
from bench.runs.records import long, untrained_in
from bench.scoring.metrics import digits_of, heading, most_images, shortened
from bench.scoring.protocol_hash import check_one_protocol
from bench.tables.latex import render_latex
from bench.tables.ranking import FEWER, OWN_GUIDE, unmarked, without_marks

Format = Literal["csv", "md", "latex", "html"]


_UNRANKED: Mapping[str, int] = MappingProxyType({})


def write_parquet(path: Path, records: Sequence[Record]) -> None:
    """Write records as a Parquet file, typed, one a row.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise MissingExtraError("pyarrow", "parquet", "--format parquet")
    with atomic(path) as part:
        long(records).to_parquet(part, engine="pyarrow", index=False)


def wide(
    records: Sequence[Record],
    dataset: str,
    derainers: Sequence[str] = (),
    every_metric: bool = False,
    untrained: bool = False,
    mix: bool = False,
    described: Sequence[Metric] = (),
) -> pd.DataFrame:
    """Make the table of one dataset: one row a derainer, one column a metric; every cell is text.

    A number that is not to be ranked among others of its column is marked (:data:`bench.tables.ranking.MARKS`).

    Examples:
        >>> from pathlib import Path
        >>> from bench.api import read_records, wide
        >>> wide(read_records(Path("run1")), "streets").columns.tolist()
        ['derainer', 'psnr_y (dB)', 'ssim_y', 'images']

    Args:
        records: Records of any datasets.
        dataset: Which one.
        derainers: Order of the rows; those without records get empty cells. Empty: as in the records.
        every_metric: False keeps the headline metrics, and all of a task that has none, such as a plug-in's. Per-class
            metrics stay in ``records.csv`` either way.
        untrained: True shows rows with random weights, too.
        mix: True also shows numbers that cannot be compared (:mod:`bench.scoring.protocol_hash`) side by side.
        described: Metrics of tasks from outside, from the cards of the runs.

    Raises:
        UserError: The dataset's records are of several protocols.
    """
    if not mix:
        check_one_protocol([record for record in records if record.dataset == dataset])
    hidden = () if untrained else untrained_in(records)
    chosen = [
        record
        for record in records
        if record.dataset == dataset and parse_metric(record.metric).label is None and record.derainer not in hidden
    ]
    rows = [name for name in derainers if name not in hidden]
    rows = rows or list(dict.fromkeys(record.derainer for record in chosen))
    if not every_metric:
        chosen = shortened(chosen, described=described)
    cells = _cells(chosen, rows, described)
    headings = dict.fromkeys(name for row in cells.values() for name in row if name != "images")
    return pd.DataFrame(list(cells.values()), columns=[*headings, "images"], dtype=str).fillna("")


def _cells(chosen: Sequence[Record], rows: Sequence[str], described: Sequence[Metric]) -> dict[str, dict[str, str]]:
    """Print every number below its heading, row by row, and the images that the row rests on."""
    cells: dict[str, dict[str, str]] = {name: {"derainer": name} for name in rows}
    most = most_images(chosen)
    for record in chosen:
        digits = digits_of(record.metric, record.unit, described)
        mark = FEWER * (record.images < most[record.metric]) + OWN_GUIDE * record.own_guide
        cells[record.derainer][heading(record.metric, record.unit)] = f"{record.value:.{digits}f}{mark}"
    for name in rows:
        cells[name]["images"] = _coverage([record for record in chosen if record.derainer == name])
    return cells


def render(frame: pd.DataFrame, format: Format, signs: Mapping[str, int] = _UNRANKED) -> str:
    """Render a table as text: CSV, a Markdown pipe table, an HTML table, or LaTeX (:mod:`bench.tables.latex`).

    Args:
        frame: Any table.
        format: What is wanted.
        signs: Columns whose best rows LaTeX marks (:func:`bench.tables.ranking.column_signs`).
    """
    if format == "csv":
        return unmarked(frame).to_csv(index=False, float_format="%.6f", lineterminator="\n")
    if format == "md":
        alignment = ["left", *["right"] * (len(frame.columns) - 1)]
        return str(frame.to_markdown(index=False, disable_numparse=True, colalign=alignment)) + "\n"
    if format == "html":
        return frame.to_html(index=False, border=0, na_rep="", classes="derainbench") + "\n"
    return render_latex(frame, signs)


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
    """Give ``n/m``: the fewest images that a shown metric rests on, of those expected."""
    fewest = min(records, key=lambda record: record.images, default=None)
    return f"{fewest.images}/{fewest.expected}" if fewest else ""


def with_intervals(table: pd.DataFrame, intervals: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Put 95 % intervals beside the numbers of a wide table: ``58.32 [55.1, 61.4]``.

    Args:
        table: Of :func:`bench.tables.wide.wide`.
        intervals: Of :func:`bench.scoring.intervals.read_intervals`.
        dataset: Which one the table is about.
    """
    own = intervals[intervals["dataset"] == dataset]
    keys = zip(own["derainer"].astype(str), own["metric"].astype(str), strict=True)
    found = dict(zip(keys, zip(own["low"].astype(float), own["high"].astype(float), strict=True), strict=True))

    def beside(derainer: str, name: str, cell: str) -> str:
        low, high = found.get((derainer, name.partition(" (")[0]), (float("nan"), float("nan")))
        if not cell or low != low:
            return cell
        digits = max(1, len(without_marks(cell).partition(".")[2]) - 1)
        return f"{cell} [{low:.{digits}f}, {high:.{digits}f}]"

    rows = [
        {str(heading): beside(row["derainer"], str(heading), cell) for heading, cell in row.items()}
        for row in table.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=list(table.columns))
