"""Finished shards of a run, and whether they belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from bench.contract import Failure
from bench.errors import UserError
from bench.io.files import csv_errors_as_user_errors
from bench.runs.card import RunCard, ShardCard, read_run_card
from bench.runs.digests import check_digests
from bench.runs.folder import RunStore
from bench.runs.rows import Row
from bench.runs.shards import joined

Kind = TypeVar("Kind")

_EQUAL = (
    "suite",
    "derainers",
    "tasks",
    "untrained",
    "libraries",
    "commit",
    "severities",
    "resamples",
    "schema_version",
)
"""What all cards must share. Machines and devices may differ: what counts of them is in the rows' keys."""
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
        """What took the time."""
        return Row(self.dataset, self.derainer, self.task)


@dataclass(frozen=True)
class Part:
    """One finished shard.

    Attributes:
        store: Its folder.
        content: Its card, whole.
        card: What of the card is known.
        shard: Which one it is.
    """

    store: RunStore
    content: Mapping[str, Any]
    card: RunCard
    shard: ShardCard

    def knows(self, row: Row) -> bool:
        """Whether the shard has such a row, while rendering, restoring or judging."""
        tasks = dict(self.shard.tasks).get(row.dataset)
        return tasks is not None and row.derainer in ("", *self.shard.derainers) and row.task in ("", *tasks)


def open_part(folder: Path) -> Part:
    """Open a finished shard.

    Raises:
        UserError: There is none, or its files are not those that it ended with.
    """
    store = RunStore(folder)
    content = store.read_card()
    if "shard" not in content:
        raise UserError(f"{folder}: holds a whole run; merge takes what 'derainbench run --shard NUMBER/OF' made")
    try:
        shard = ShardCard.model_validate(content["shard"])
    except ValidationError as error:
        raise UserError(
            f"{folder / 'card.json'}: damaged ({error.errors()[0]['msg']}); run this shard again"
        ) from error
    if changed := [fault for fault in check_digests(folder) if fault.startswith(_WORK)]:
        raise UserError(f"{folder}: not as its run left it ({changed[0]}); run this shard again")
    return Part(store, content, read_run_card(content, folder), shard)


def read_failures(part: Part) -> list[Failure]:
    """What failed in a shard.

    Raises:
        UserError: The table is absent or damaged, or names what the shard does not have.
    """
    path = part.store.root / "failures.csv"
    with csv_errors_as_user_errors(path):
        found = _rows_of(path, Failure)
        _check_known(part, [Row(one.dataset, one.derainer, one.task) for one in found])
    return found


def read_timings(part: Part) -> list[Timing]:
    """How long a shard's images took; empty if its last run did nothing.

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


def _check_known(part: Part, rows: Sequence[Row]) -> None:
    if unknown := next((row for row in rows if not part.knows(row)), None):
        raise ValueError(
            f"the shard has no {' '.join(filter(None, (unknown.dataset, unknown.derainer, unknown.task)))}"
        )


def check_complete(parts: Sequence[Part]) -> None:
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


def check_alike(parts: Sequence[Part]) -> None:
    """Refuse shards that one machine could not have made in one run.

    Raises:
        UserError: Naming the first thing that differs.
    """
    first = parts[0]
    for part in parts[1:]:
        for name in _EQUAL:
            if found := first_difference(name, first.content.get(name), part.content.get(name)):
                place, ours, theirs = found
                raise UserError(
                    f"{first.store.root} and {part.store.root} differ in {place}: {ours} and {theirs}; "
                    "run both with the same suite, weights and versions"
                )
    for part in parts:
        _check_order(part)


def first_difference(place: str, ours: object, theirs: object) -> tuple[str, str, str] | None:
    """Where two JSON values first differ (``suite.datasets.streets.count``), and both values there; None if equal."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted(ours.keys() | theirs.keys()):
            if found := first_difference(f"{place}.{name}", ours.get(name), theirs.get(name)):
                return found
        return None
    return None if ours == theirs else (place, _short(ours), _short(theirs))


def joined_images(name: str, parts: Sequence[Part]) -> list[str]:
    """All images that a dataset should have, in order.

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


def _check_order(part: Part) -> None:
    """Refuse a card whose order of parts is of other parts."""
    named = {name: set(tasks) for name, tasks in part.shard.tasks}
    if (
        named != {name: set(tasks) for name, tasks in part.card.tasks.items()}
        or set(part.shard.derainers) != part.card.derainers.keys()
        or not named.keys() <= part.card.chosen.keys()
    ):
        path = part.store.root / "card.json"
        raise UserError(f"{path}: damaged (shard: names other rows, datasets or tasks than the rest); run it again")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
