"""Can a run be believed? Every file against its digest, every number against its evidence."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from bench.contract import Parameter, Record
from bench.errors import UserError
from bench.files import sha256_of, write_text
from bench.lock import LOCK
from bench.logs import LOG

DIGESTS = "digests.csv"
_NOT_DIGESTED = {DIGESTS, "timings.csv", LOG, LOCK}
TOLERANCE = 1e-6
"""Records are written with six decimals."""


class TaskCard(BaseModel):
    """What a run's card says of one task on one dataset."""

    model: str
    protocol: str
    scoring: Mapping[str, Parameter]
    fingerprint: str
    code: str


class RunCard(BaseModel):
    """What verification needs of a run's card.

    Attributes:
        datasets: Name to the number of images expected.
        derainers: Row to its fingerprint.
        tasks: Dataset to task to its card.
        untrained: Rows that were made with random weights.
    """

    datasets: Mapping[str, int]
    derainers: Mapping[str, str]
    tasks: Mapping[str, Mapping[str, TaskCard]]
    untrained: Sequence[str] = ()


def read_run_card(content: Mapping[str, object], root: Path) -> RunCard:
    """Check the content of a card.

    Raises:
        UserError: Something is missing or of another kind.
    """
    try:
        return RunCard.model_validate(content)
    except ValidationError as error:
        fault = error.errors()[0]
        raise UserError(f"{root / 'card.json'}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error


def write_digests(root: Path) -> None:
    """Write ``digests.csv``: the SHA-256 of every file of a run, but for timings and log, which differ each time."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "sha256"])
    writer.writerows((name, sha256_of(root / name)) for name in _files(root))
    write_text(root / DIGESTS, text.getvalue())


def check_digests(root: Path) -> list[str]:
    """Compare every file with ``digests.csv``.

    Returns:
        One line a file that was changed, is absent or came later; empty if all is as it was.

    Raises:
        UserError: There are no digests.
    """
    path = root / DIGESTS
    if not path.is_file():
        raise UserError(f"{path}: no such file; verify a folder in which 'derainbench run' has ended")
    with path.open(newline="", encoding="utf-8") as file:
        noted = {row["file"]: row["sha256"] for row in csv.DictReader(file)}
    found = set(_files(root))
    faults = [f"{name}: absent" for name in sorted(noted.keys() - found)]
    faults += [f"{name}: not part of the run" for name in sorted(found - noted.keys())]
    faults += [f"{name}: changed" for name in sorted(found & noted.keys()) if sha256_of(root / name) != noted[name]]
    return faults


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
        elif (mine.unit, mine.images, mine.expected, mine.protocol) != (
            yours.unit, yours.images, yours.expected, yours.protocol,
        ):  # fmt: skip
            faults.append(f"{name}: unit, images or protocol differ from what the evidence gives")
    return sorted(faults)


def _name(record: Record) -> str:
    return f"{record.dataset} {record.derainer} {record.task} {record.metric}"


def _files(root: Path) -> list[str]:
    names = (path.relative_to(root) for path in root.rglob("*") if path.is_file() and not path.name.endswith(".part"))
    return sorted(name.as_posix() for name in names if name.as_posix() not in _NOT_DIGESTED)
