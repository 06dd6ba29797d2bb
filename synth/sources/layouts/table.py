"""Read the two tables of this room: where each published layout has its files, and what its labels mean."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.contract import UNLABELLED, ClassSpace

_FOLDER = Path(__file__).parent
_VALUES = ("split", "condition", "Condition")


@dataclass(frozen=True)
class Layout:
    """One way in which one kind of labels lies beside its photographs; folders are below the root.

    Attributes:
        layout: The name users give.
        labels: ``boxes``, ``masks`` or ``none``.
        format: ``voc``, ``yolo``, ``coco``, ``ids`` (label maps) or ``none``.
        photographs: Folder of the photographs, all folders in it included.
        photograph: Pattern of a photograph's path below that folder, without suffix; its group ``id`` is the image's
            id.
        place: Folder of the labels; for ``coco`` the label file.
        label: Path of a label file below that folder, without suffix, made from the pattern's groups; for ``coco`` the
            folder that its file names begin in.
        classes: A list of :func:`class_list`; empty where the label files bring their own.
        clean: Folder of the aligned clean images; empty where there are none.
        clean_name: Path of a clean image below that folder, made as ``label``.
        weather: What all photographs of the folder show; empty where the layout does not say.
    """

    layout: str
    labels: str
    format: str
    photographs: str
    photograph: str
    place: str
    label: str
    classes: str
    clean: str
    clean_name: str
    weather: str

    def filled(self, split: str, condition: str) -> Layout:
        """Fill a split and a condition into the places."""
        values = dict(zip(_VALUES, (split, condition, condition.capitalize()), strict=True))
        places = {name: getattr(self, name).format(**values) for name in ("photographs", "place", "weather")}
        return Layout(**{**vars(self), **places})

    @property
    def expected(self) -> str:
        """Say in a few words what lies where."""
        found = f" with {self.place or '.'}" if self.format != "none" else ""
        return f"{self.photographs or '.'}/{found}"


@dataclass(frozen=True)
class ClassList:
    """What the numbers and words of label files mean.

    Attributes:
        space: The classes.
        numbers: Number in a label file to class id; 255 for not labelled.
        words: Word in a label file, in small letters, to class id.
    """

    space: ClassSpace
    numbers: Mapping[int, int]
    words: Mapping[str, int]

    @property
    def numbered(self) -> ClassSpace:
        """The numbers of label files as a class space, those that mean "not labelled" included."""
        return ClassSpace(self.space.name, tuple(self.numbers), tuple(map(str, self.numbers)))


def class_list_of(space: ClassSpace) -> ClassList:
    """Take a class space as it is: its ids are the numbers of the label files, its names the words."""
    words = {plain_word(name): id for id, name in zip(space.ids, space.names, strict=True)}
    return ClassList(space, {id: id for id in space.ids}, words)


@cache
def layouts() -> tuple[Layout, ...]:
    """List all known layouts in the order in which they are tried."""
    with (_FOLDER / "layouts.csv").open(newline="", encoding="utf-8") as file:
        return tuple(Layout(**row) for row in csv.DictReader(file))


@cache
def layout_names() -> tuple[str, ...]:
    """List the names of the layouts that can be read."""
    return tuple(dict.fromkeys(row.layout for row in layouts()))


@cache
def kinds_of(layout: str) -> tuple[str, ...]:
    """List the kinds of labels of one layout."""
    return tuple(dict.fromkeys(row.labels for row in layouts() if row.layout == layout))


@cache
def folders_by(layout: str) -> frozenset[str]:
    """List by what one layout has folders: ``split``, ``condition``, both or nothing."""
    places = " ".join(f"{row.photographs} {row.place}" for row in layouts() if row.layout == layout).lower()
    return frozenset(value for value in ("split", "condition") if f"{{{value}}}" in places)


@cache
def class_list(name: str) -> ClassList:
    """Read one list of classes; of several words for one class the first is its name."""
    with (_FOLDER / "class_lists.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["list"] == name]
    names: dict[int, str] = {}
    for row in rows:
        if int(row["id"]) != UNLABELLED:
            names.setdefault(int(row["id"]), row["name"])
    ids = tuple(sorted(names))
    space = ClassSpace(rows[0]["space"], ids, tuple(names[id] for id in ids))
    return ClassList(
        space,
        {int(row["number"]): int(row["id"]) for row in rows},
        {plain_word(row["name"]): int(row["id"]) for row in rows if row["name"]},
    )


def plain_word(text: str) -> str:
    """Write one class name in small letters, with single blanks for lines, dashes and blanks."""
    return " ".join(text.casefold().replace("_", " ").replace("-", " ").split())
