"""Can a run be believed? Every file against its digest, every number against its evidence."""

from __future__ import annotations

import io
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from bench.contract import Record

TOLERANCE = 1e-6
"""Records are written with six decimals."""
_MOST_FAULTS = 5
_ROW, _WRITTEN, _SIDE = "row of its texts", " as written", "side"


def compare_records(written: Sequence[Record], computed: Sequence[Record]) -> list[str]:
    """Compare written records with those computed again.

    Returns:
        One line a record that differs, is missing or has no evidence.
    """
    ours, theirs = {_name(record): record for record in computed}, {_name(record): record for record in written}
    faults = [f"{name}: in records.csv, but the evidence does not give it" for name in theirs.keys() - ours.keys()]
    faults += [f"{name}: the evidence gives it, but records.csv lacks it" for name in ours.keys() - theirs.keys()]
    for name in ours.keys() & theirs.keys():
        mine, yours = ours[name], theirs[name]
        if abs(mine.value - yours.value) > TOLERANCE:
            faults.append(f"{name}: records.csv says {yours.value:.6f}, the evidence gives {mine.value:.6f}")
        elif replace(mine, value=yours.value) != yours:
            told = "model, unit, images, protocol, its hash, direction or the mark of random weights"
            faults.append(f"{name}: {told} differ from what the evidence gives")
    return sorted(faults)


def compare_frames(name: str, path: Path, computed: pd.DataFrame) -> list[str]:
    """Compare a CSV file with what was computed again; the order of its rows plays no part.

    Returns:
        One line a row that differs, is missing or has no evidence; of many, the first ones and their number.
    """
    try:
        written = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        return [f"{name}: cannot be read ({' '.join(str(error).split())})"]
    text = io.StringIO(computed.to_csv(index=False, float_format="%.6f", lineterminator="\n"))
    expected = pd.read_csv(text, dtype=str, keep_default_na=False)
    if list(written.columns) != list(expected.columns):
        return [f"{name}: expected the columns {', '.join(expected.columns)}"]
    numbers = [column for column in computed.columns if computed[column].dtype.kind == "f"]
    texts = [column for column in expected.columns if column not in numbers]
    both = _counted(expected, texts).merge(
        _counted(written, texts), "outer", [*texts, _ROW], suffixes=("", _WRITTEN), indicator=_SIDE
    )
    alike = both[_SIDE] == "both"
    for number in numbers:
        alike &= both[number] == both[number + _WRITTEN]
    told = (_fault(row, texts, numbers) for row in both[~alike].to_dict("records"))
    faults = sorted(f"{name}: {fault}" for fault in told if fault)
    more = len(faults) - _MOST_FAULTS
    return [*faults[:_MOST_FAULTS], *([f"{name}: {more} more rows differ"] if more > 0 else [])]


def _counted(frame: pd.DataFrame, texts: Sequence[str]) -> pd.DataFrame:
    """The rows, numbered from 1 among those of the same texts."""
    count = frame.groupby(list(texts), sort=False).cumcount() if texts else pd.Series(range(len(frame)))
    return frame.assign(**{_ROW: count + 1})


def _fault(row: Mapping[Hashable, object], texts: Sequence[str], numbers: Sequence[str]) -> str:
    """Say what is wrong with a row that is not the same on both sides; empty for nothing but rounding."""
    count = f"(row {row[_ROW]})" if row[_ROW] != 1 or not texts else ""
    place = " ".join(filter(None, (*(str(row[text]) for text in texts), count)))
    if row[_SIDE] != "both":
        absent = "is missing" if row[_SIDE] == "left_only" else "is there, but the evidence does not give it"
        return f"{place} {absent}"
    pairs = ((number, str(row[number]), str(row[number + _WRITTEN])) for number in numbers)
    wrong = [f"{number} {theirs} instead of {ours}" for number, ours, theirs in pairs if not _equal(ours, theirs)]
    return f"{place} has {wrong[0]}" if wrong else ""


def _equal(ours: str, theirs: str) -> bool:
    """Equal text, or numbers that differ by no more than another machine's rounding of the sixth decimal."""
    if ours == theirs:
        return True
    try:
        mine, yours = float(ours), float(theirs)
    except ValueError:
        return False
    return abs(mine - yours) <= TOLERANCE * max(2.0, abs(mine))


def _name(record: Record) -> str:
    return f"{record.dataset} {record.derainer} {record.task} {record.metric}"
