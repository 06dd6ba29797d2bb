"""Account for the objects of a label file: each is given to the run, ignored by rule, or excluded for a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from bench.errors import ImageError
from synth.sources.annotations import Annotations
from synth.sources.coco_file import CocoImage

Fate: TypeAlias = Literal["given", "crowd", "zero area", "unusable image", "orphan id", "not chosen"]
"""``given``: a true object of the run. ``crowd``: ignored by rule. All others are excluded: the box has no area, the
image or its record is unusable, the image is not listed, or the run did not choose it."""


_EXCLUDED: tuple[Fate, ...] = ("zero area", "unusable image", "orphan id")


@runtime_checkable
class Accounted(Protocol):
    """A source that accounts for every object of its label file."""

    def fates(self, ids: Collection[str], /) -> Mapping[Fate, int]:
        """Count all labelled objects by what becomes of them in a run of these images; the sum is exact."""
        ...


def coco_fates(
    labelled: int,
    orphans: int,
    records: Mapping[str, CocoImage],
    annotations: Callable[[str], Annotations],
    ids: Collection[str],
) -> Counter[Fate]:
    """Count the objects of one COCO label file by what becomes of them.

    Args:
        labelled: Annotations in the file.
        orphans: Annotations of images that are not listed.
        records: The images of the source, by id.
        annotations: Checks the annotations of one image; raises ImageError for unusable ones.
        ids: The images that a run chose.
    """
    chosen = set(ids)
    fates: Counter[Fate] = Counter({"orphan id": orphans})
    for id, record in records.items():
        if id not in chosen:
            fates["not chosen"] += len(record.annotations)
            continue
        try:
            found = annotations(id)
        except ImageError:
            fates["unusable image"] += len(record.annotations)
            continue
        crowds = int(found.instances.crowd.sum())
        fates["crowd"] += crowds
        fates["given"] += len(found.ids) - crowds
        fates["zero area"] += found.dropped
    fates["unusable image"] += labelled - fates.total()  # of faulty records, and of photographs that are not there
    return +fates


def excluded_line(fates: Mapping[Fate, int]) -> str:
    """Say in one line how many objects are excluded and why; empty if none is."""
    parts = [f"{fates[fate]} {fate}" for fate in _EXCLUDED if fates.get(fate)]
    if not parts:
        return ""
    excluded = sum(fates.get(fate, 0) for fate in _EXCLUDED)
    total = sum(fates.values()) - fates.get("not chosen", 0)
    return f"{excluded} of {total} objects are excluded: {', '.join(parts)}"
