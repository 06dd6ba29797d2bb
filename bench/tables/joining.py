"""Join the records of several runs: only where their numbers may be compared, or where somebody insists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.contract import Record
from bench.errors import UserError
from bench.runs.card import read_card
from bench.runs.records import read_records
from bench.scoring.protocol_hash import ProtocolKey, ProtocolParts, check_one_protocol, differences
from bench.scoring.verification import TOLERANCE


@dataclass(frozen=True)
class Run:
    """A finished run folder.

    Attributes:
        name: What tells it from the others, for messages and for rows that share a name.
        root: The folder.
        records: All its numbers.
        hashes: (Dataset, task) to the protocol hash of its numbers; empty text where they have none.
    """

    name: str
    root: Path
    records: tuple[Record, ...]
    hashes: Mapping[ProtocolKey, str]


def join_runs(roots: Sequence[Path], mix: bool = False) -> list[Record]:
    """Join the records of several runs as if they were one.

    A row that two runs have in common, with the same numbers, stands once. If the numbers differ, the later row is
    told by its run: ``prenet (run2)``.

    Examples:
        >>> from pathlib import Path
        >>> from bench.api import join_runs, read_records
        >>> join_runs([Path("run1")]) == read_records(Path("run1"))
        True

    Args:
        roots: Run folders.
        mix: True also joins numbers of different protocols, images or rain; such rows are told by their run.

    Raises:
        UserError: A folder holds no run, or the runs cannot be compared: what differs is named.
    """
    runs = _open(roots)
    clashes = _clashes(runs)
    if clashes and not mix:
        raise UserError(_refusal(*clashes[0], len(clashes)))
    strangers = {(other.name, place) for _, other, place in clashes}
    joined: dict[tuple[str, str, str, str], Record] = {}
    for run in runs:
        other = {record.derainer for record in run.records if _differs(record, joined.get(_key(record)))}
        for record in run.records:
            own_name = record.derainer in other or (run.name, (record.dataset, record.task)) in strangers
            shown = replace(record, derainer=f"{record.derainer} ({run.name})") if own_name else record
            joined.setdefault(_key(shown), shown)
    return list(joined.values())


def _open(roots: Sequence[Path]) -> list[Run]:
    short = [root.resolve().name for root in roots]
    names = [str(root) if short.count(name) > 1 else name for root, name in zip(roots, short, strict=True)]
    runs = []
    for name, root in zip(names, roots, strict=True):
        records = tuple(read_records(root))
        check_one_protocol(records)
        hashes = {(record.dataset, record.task): record.protocol_hash for record in records}
        runs.append(Run(name, root, records, hashes))
    return runs


def _clashes(runs: Sequence[Run]) -> list[tuple[Run, Run, ProtocolKey]]:
    """Pair the first run to show a dataset and task with every later one whose numbers are of another protocol."""
    first: dict[ProtocolKey, Run] = {}
    found = []
    for run in runs:
        for place, text in run.hashes.items():
            known = first.setdefault(place, run)
            if known is not run and (not text or text != known.hashes[place]):
                found.append((known, run, place))
    return found


def _refusal(ours: Run, theirs: Run, place: ProtocolKey, clashes: int) -> str:
    dataset, task = place
    if not ours.hashes[place] or not theirs.hashes[place]:
        old = ours if not ours.hashes[place] else theirs
        what = f"{old.name} has no protocol hash; run it again with this version, which does only what is missing"
    else:
        told = differences(_parts(ours, place), _parts(theirs, place)) or ["their cards do not say what differs"]
        what = "they differ in " + "; ".join(told)
    more = f" (and {clashes - 1} more such)" if clashes > 1 else ""
    return (
        f"{ours.name} and {theirs.name} cannot stand in one table: dataset {dataset}, task {task}{more}: {what}. "
        "To see them together anyway, each row under its run's name: --mix"
    )


def _parts(run: Run, place: ProtocolKey) -> ProtocolParts:
    dataset, task = place
    noted = read_card(run.root).protocols.get(dataset, {}).get(task)
    return noted.parts if noted else {}


def _key(record: Record) -> tuple[str, str, str, str]:
    return record.dataset, record.derainer, record.task, record.metric


def _differs(record: Record, known: Record | None) -> bool:
    if known is None:
        return False
    return abs(record.value - known.value) > TOLERANCE or record.images != known.images
