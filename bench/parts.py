"""Finished shards of a run, and whether they belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from bench.errors import UserError
from bench.shards import joined
from bench.store import RunStore
from bench.verification import RunCard, check_digests, read_run_card

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


class ShardCard(BaseModel):
    """What a shard's card says of it: which it is, and in which order the suite names its parts."""

    number: int
    of: int
    derainers: Sequence[str]
    tasks: Sequence[tuple[str, Sequence[str]]]


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


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
