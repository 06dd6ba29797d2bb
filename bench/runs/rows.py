"""Define the rows of a run: one derainer on one dataset, judged by one task; and the control rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

RAIN, CLEAN = "rain", "clean"
"""Rows between which a derainer's worth lies: the input itself, and the picture before the rain."""


ON_CLEAN = "clean+"
"""Before the name of a derainer: restore the clean pictures, to see whether it harms what needs no help."""


def is_control(name: str) -> bool:
    """Return True for the row of clean pictures, and for what was restored from clean pictures."""
    return name == CLEAN or name.startswith(ON_CLEAN)


@dataclass(frozen=True)
class Row:
    """One model's work on one dataset: restoring by ``derainer``, or judging its images by ``task``.

    ``derainer`` and ``task`` are empty while the dataset itself is rendered; ``task`` is empty while restoring.
    """

    dataset: str
    derainer: str = ""
    task: str = ""


def is_bound(derainer: str) -> bool:
    """Return True for control rows (``rain``, ``clean``, ``clean+NAME``), which are never ranked."""
    return derainer == RAIN or is_control(derainer)


Kind = Literal["derainer", "rain", "clean", "harm test", "untrained"]


def kind_of(name: str, untrained: Collection[str]) -> Kind:
    """Tell the kind of a row by its name."""
    if name in untrained:
        return "untrained"
    if name in (RAIN, CLEAN):
        return "rain" if name == RAIN else "clean"
    return "harm test" if name.startswith(ON_CLEAN) else "derainer"
