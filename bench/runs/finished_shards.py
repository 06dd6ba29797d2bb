"""Open the finished shards of a run, read their failures and times, and check that they belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pandas as pd
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from bench.contract import Failure
from bench.errors import UserError
from bench.io.files import csv_errors_as_user_errors
from bench.runs.card import CARD, SCHEMA, RunCard, read_card
from bench.runs.digests import check_digests
from bench.runs.folder import RunStore
from bench.runs.rows import Row
from bench.runs.shards import Shard, joined

Kind = TypeVar("Kind")

_EQUAL = (
    "suite",
    "derainers",
    "order",
    "tasks",
    "untrained",
    "own_guides",
    "libraries",
    "commit",
    "severities",
    "without_clean",
    "resamples",
    "schema_version",
)
"""Entries that all cards must share. Machines and devices may differ: what counts of them is in the rows' keys."""
_WORK = ("data/", "restored/", "evidence/", "card.json", "failures.csv")


class Timing(BaseModel):
    """One row of ``timings.csv``."""

    dataset: str
    derainer: str
    task: str
    images: int = Field(ge=1)
    seconds_per_image: float = Field(ge=0, allow_inf_nan=False)

    @property
    def row(self) -> Row:
        """Return the row that took the time."""
        return Row(self.dataset, self.derainer, self.task)


@dataclass(frozen=True)
class FinishedShard:
    """A run folder that holds one finished shard.

    Attributes:
        store: The folder.
        card: Its card.
        shard: Which one it is.
    """

    store: RunStore
    card: RunCard
    shard: Shard

    def knows(self, row: Row) -> bool:
        """Return True if the shard has such a row, while rendering, restoring or judging."""
        tasks = self.card.tasks_of.get(row.dataset)
        return tasks is not None and row.derainer in ("", *self.card.rows) and row.task in ("", *tasks)


def open_shard(folder: Path) -> FinishedShard:
    """Open a finished shard.

    Raises:
        UserError: There is none, or its files are not those that it ended with.
    """
    if (folder / CARD).is_file() and (changed := [fault for fault in check_digests(folder) if fault.startswith(_WORK)]):
        raise UserError(f"{folder}: not as its run left it ({changed[0]}); run this shard again")
    card = read_card(folder)
    if card.shard is None:
        raise UserError(f"{folder}: holds a whole run; merge takes what 'derainbench run --shard NUMBER/OF' made")
    if card.schema_version != SCHEMA:
        raise UserError(
            f"{folder}: a shard of schema {card.schema_version}, this version knows {SCHEMA}; run this shard again"
        )
    if not card.tasks_of.keys() <= card.chosen.keys():
        raise UserError(f"{folder / CARD}: damaged (chosen: lacks a dataset); run this shard again")
    return FinishedShard(RunStore(folder), card, Shard(card.shard.number, card.shard.of))


def read_failures(part: FinishedShard) -> list[Failure]:
    """Read the failures of a shard.

    Raises:
        UserError: The table is absent or damaged, or names what the shard does not have.
    """
    path = part.store.root / "failures.csv"
    with csv_errors_as_user_errors(path):
        found = _rows_of(path, Failure)
        _check_known(part, [Row(one.dataset, one.derainer, one.task) for one in found])
    return found


def read_timings(part: FinishedShard) -> list[Timing]:
    """Read how long a shard's images took; empty if its last run did nothing.

    Raises:
        UserError: The table is damaged, or names what the shard does not have.
    """
    path = part.store.root / "timings.csv"
    if not path.is_file():
        return []
    with csv_errors_as_user_errors(path):
        found = _rows_of(path, Timing)
        _check_known(part, [one.row for one in found])
        if wrong := next((one for one in found if one.images > len(part.card.chosen[one.dataset])), None):
            raise ValueError(f"more images of {wrong.dataset} than the shard has")
    return found


def _rows_of(path: Path, kind: type[Kind]) -> list[Kind]:
    rows = pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records")
    try:
        return TypeAdapter(list[kind]).validate_python(rows)  # type: ignore[valid-type]
    except ValidationError as error:
        fault = error.errors()[0]
        number, *place = fault["loc"]
        raise ValueError(f"row {number}: {'.'.join(map(str, place))}: {fault['msg']}") from error


def _check_known(part: FinishedShard, rows: Sequence[Row]) -> None:
    if unknown := next((row for row in rows if not part.knows(row)), None):
        raise ValueError(
            f"the shard has no {' '.join(filter(None, (unknown.dataset, unknown.derainer, unknown.task)))}"
        )


def check_complete(parts: Sequence[FinishedShard]) -> None:
    """Refuse anything but each shard of a run once.

    Raises:
        UserError: One is missing or doubled, or they are of different divisions.
    """
    if not parts:
        raise UserError("no shards to merge; give the folders that 'derainbench run --shard NUMBER/OF' made")
    first = parts[0]
    for part in parts:
        if part.shard.of != first.shard.of:
            raise UserError(
                f"{first.store.root} is one of {first.shard.of} shards, {part.store.root} one of {part.shard.of}; "
                "merge shards of one division"
            )
    for earlier, part in pairwise(parts):
        if part.shard.number == earlier.shard.number:
            named = f"{part.shard.number}/{part.shard.of}"
            raise UserError(f"{earlier.store.root} and {part.store.root} are both shard {named}; give each once")
    there = {part.shard.number for part in parts}
    if absent := [f"{number}/{first.shard.of}" for number in range(1, first.shard.of + 1) if number not in there]:
        raise UserError(f"missing: shard {', '.join(absent)}; run it, or give its folder, too")


def check_alike(parts: Sequence[FinishedShard]) -> None:
    """Refuse shards that one machine could not have made in one run.

    Raises:
        UserError: Naming the first thing that differs.
    """
    first = parts[0]
    ours = first.card.content()
    for part in parts[1:]:
        theirs = part.card.content()
        for name in _EQUAL:
            if found := first_difference(name, ours.get(name), theirs.get(name)):
                place, one, other = found
                raise UserError(
                    f"{first.store.root} and {part.store.root} differ in {place}: {one} and {other}; "
                    "run both with the same suite, weights and versions"
                )


def first_difference(place: str, ours: object, theirs: object) -> tuple[str, str, str] | None:
    """Find where two JSON values first differ, and both values there; None if equal."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted(ours.keys() | theirs.keys()):
            if found := first_difference(f"{place}.{name}", ours.get(name), theirs.get(name)):
                return found
        return None
    return None if ours == theirs else (place, _short(ours), _short(theirs))


def joined_images(name: str, parts: Sequence[FinishedShard]) -> list[str]:
    """Join the images of all shards of a dataset, in order.

    Raises:
        UserError: The shards chose among different photographs.
    """
    shares = [part.card.chosen[name] for part in parts]
    total = sum(map(len, shares))
    numbers = range(total)
    fit = all(len(share) == len(numbers[k :: len(parts)]) for k, share in enumerate(shares))
    if not fit or len(set().union(*shares)) != total:
        raise UserError(
            f"dataset {name}: the shards' images do not make up one dataset ({', '.join(str(len(s)) for s in shares)} "
            "images); run all of them with the same photographs"
        )
    return joined(shares)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
