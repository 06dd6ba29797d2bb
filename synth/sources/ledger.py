"""Account for the truth of a source's files: all is given to the run, ignored by rule, or excluded for a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from bench.errors import ImageError
from bench.io.images import size_of_image

Fate: TypeAlias = Literal[
    "given", "crowd", "zero area", "class left out", "unpaired", "unusable image", "orphan id", "not chosen"
]
"""``given``: a true object or a pixel of a label map of the run. ``crowd``: ignored by rule. All others are excluded:
the box has no area, the source's parameters leave the class out, the label map has no image, the image or its record is
unusable, the image is not listed, or the run did not choose it."""


_EXCLUDED: tuple[Fate, ...] = ("zero area", "class left out", "unpaired", "unusable image", "orphan id")


@runtime_checkable
class Accounted(Protocol):
    """A source that accounts for every object of its label files."""

    def fates(self, ids: Collection[str], /) -> Mapping[Fate, int]:
        """Count all labelled objects by what becomes of them in a run of these images; the sum is exact."""
        ...


@runtime_checkable
class Mapped(Protocol):
    """A source that knows the files of its label maps."""

    def label_maps(self) -> Mapping[str, Path]:
        """List the files of all label maps by image id, those of no image among them; none if there are none."""
        ...


def object_fates(
    objects: Mapping[str, int], fates_in: Callable[[str], Mapping[Fate, int]], chosen: Collection[str]
) -> Counter[Fate]:
    """Count the labelled objects of all images by what becomes of them.

    Args:
        objects: Labelled objects of each image, by id.
        fates_in: Counts those of one image, when it is chosen; raises ImageError for unusable labels.
        chosen: The images that a run chose.
    """
    wanted = set(chosen)
    fates: Counter[Fate] = Counter()
    for id, count in objects.items():
        if id not in wanted:
            fates["not chosen"] += count
            continue
        try:
            fates.update(fates_in(id))
        except ImageError:
            fates["unusable image"] += count
    return +fates


def pixel_fates(source: Mapped, ids: Collection[str], chosen: Collection[str]) -> Counter[Fate]:
    """Count the pixels of all label maps of one source by what becomes of them; their headers alone are read.

    Args:
        source: The source. A file whose size cannot be read has no pixels.
        ids: The images of the source.
        chosen: The images that a run chose.
    """
    fates: Counter[Fate] = Counter()
    known, wanted = set(ids), set(chosen)
    for id, path in source.label_maps().items():
        height, width = size_of_image(path) or (0, 0)
        fates["given" if id in wanted else "not chosen" if id in known else "unpaired"] += height * width
    return +fates


def excluded_line(fates: Mapping[Fate, int], counted: str = "objects") -> str:
    """Say in one line how many objects or pixels are excluded and why; empty if none is."""
    parts = [f"{fates[fate]} {fate}" for fate in _EXCLUDED if fates.get(fate)]
    if not parts:
        return ""
    excluded = sum(fates.get(fate, 0) for fate in _EXCLUDED)
    total = sum(fates.values()) - fates.get("not chosen", 0)
    return f"{excluded} of {total} {counted} are excluded: {', '.join(parts)}"
