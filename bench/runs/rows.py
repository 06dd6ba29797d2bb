"""Name the rows of a run: one derainer on one dataset, judged by one task; and tell control rows from derainers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

RAIN, CLEAN = "rain", "clean"
"""Names of the two control rows: the unrestored input (lower bound) and the ground truth (upper bound)."""

ON_CLEAN = "clean+"
"""Prefix of a row in which a derainer restores the clean images: it should leave them as they are."""

_REFERENCE = "reference ("

RowKind = Literal["derainer", "rain", "clean", "harm test", "untrained", "reference"]
"""Kinds of rows; only a ``derainer`` is ranked. A ``harm test`` is a derainer on the clean images; a ``reference`` is
another dataset's row ``rain``, in clear weather."""


@dataclass(frozen=True)
class Row:
    """One model's work on one dataset: restoring by ``derainer``, or judging its images by ``task``.

    ``derainer`` and ``task`` are empty while the dataset itself is rendered; ``task`` is empty while restoring.
    """

    dataset: str
    derainer: str = ""
    task: str = ""


def reference_name(dataset: str) -> str:
    """Name the row in which tables show another dataset as the upper reference of one of real rain."""
    return f"{_REFERENCE}{dataset})"


def kind_of(name: str, untrained: Collection[str] = ()) -> RowKind:
    """Tell derainers from control rows, harm tests and rows with random weights, by the name of one row.

    Args:
        name: The row's name in the tables.
        untrained: Names of all rows of the run that were made with random weights.
    """
    if name in untrained:
        return "untrained"
    if name.startswith(_REFERENCE):
        return "reference"
    if name in (RAIN, CLEAN):
        return "rain" if name == RAIN else "clean"
    return "harm test" if name.startswith(ON_CLEAN) else "derainer"
