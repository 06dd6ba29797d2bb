"""Divide a run into shards: every n-th image of each dataset, so that several machines can each do theirs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import UserError
from bench.runs.card import ShardCard, read_card


@dataclass(frozen=True)
class Shard:
    """One of several equal shares.

    Whole images are shared out, with all their rows: nothing that a shard does waits for another.

    Attributes:
        number: Which one, from 1.
        of: How many there are.
    """

    number: int
    of: int

    def part(self, ids: Sequence[str]) -> Sequence[str]:
        """Take this share of a dataset's images; shares differ by one image at most."""
        return ids[self.number - 1 :: self.of]

    def card(self) -> ShardCard | None:
        """Return what a run's card says of a share: nothing of the whole."""
        return None if self.of == 1 else ShardCard(number=self.number, of=self.of)

    def __str__(self) -> str:
        """Write it as it is given on the command line."""
        return f"{self.number}/{self.of}"


WHOLE = Shard(1, 1)
"""Everything."""


def read_shard(text: str) -> Shard:
    """Read ``2/3``, the second of three.

    Raises:
        UserError: It has another form, or there is no such share.
    """
    found = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", text)
    if not found or int(found[1]) > int(found[2]):
        raise UserError(f"--shard {text}: expected NUMBER/OF such as 2/3, the second of three; numbers start at 1")
    return Shard(int(found[1]), int(found[2]))


def joined(parts: Sequence[Sequence[str]]) -> list[str]:
    """Join the shares of a dataset's images, in order: the inverse of :meth:`Shard.part`."""
    whole = [""] * sum(map(len, parts))
    for index, part in enumerate(parts):
        whole[index :: len(parts)] = part
    return whole


def refuse_other_shard(root: Path, shard: Shard) -> None:
    """Keep a share out of a folder that holds another one, or a whole run.

    Raises:
        UserError: It does.
    """
    if shard == WHOLE or not (root / "card.json").is_file():
        return
    found = read_card(root).shard
    held = str(Shard(found.number, found.of)) if found else "a whole run"
    if held != str(shard):
        raise UserError(f"{root}: holds {held}; give shard {shard} a folder of its own")
