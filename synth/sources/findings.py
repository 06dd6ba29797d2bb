"""Say what is wrong with a folder of photographs and labels, in the words of the data doctor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

Fault = Literal[
    "unusable",
    "extra file",
    "unpaired",
    "labels null",
    "orphan annotation",
    "zero area",
    "box outside",
    "no mask",
    "no objects",
    "crowd only",
    "tiny boxes",
    "nothing labelled",
    "classes alike",
    "greyscale",
    "other name",
    "not read",
    "class absent",
    "size unknown",
    "excluded",
]
"""``unusable``: the image would be a failure, and the detail says why (absent, truncated, rotated, of another size
than its labels, with unknown classes, ...). The others are left out, or used as the detail says."""

HARMLESS: frozenset[Fault] = frozenset(
    {"greyscale", "other name", "not read", "class absent", "size unknown", "excluded"}
)
"""What is worth knowing and nobody has to mend."""


@dataclass(frozen=True)
class Finding:
    """One fault of one image or of the whole folder.

    Attributes:
        fault: Its kind.
        image: The image's id or the file's name; empty where it is no single image's.
        detail: What was found, and what is done about it.
    """

    fault: Fault
    image: str
    detail: str


@runtime_checkable
class Audited(Protocol):
    """A source that names the faults which do not show when its photographs are loaded one by one."""

    def audit(self) -> Iterable[Finding]:
        """Name files that belong to nothing, labels that are left out, names that do not match."""
        ...
