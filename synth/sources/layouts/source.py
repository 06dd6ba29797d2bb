"""Open one published layout as a source: photographs in nested folders, with boxes, label maps or nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench.contract import Classes, Parameters, Photograph
from bench.errors import ImageError, UserError
from bench.io.files import key_of, sha256_of
from bench.io.images import read_image, size_of_image
from synth.sources.coco import CocoSource
from synth.sources.findings import Finding
from synth.sources.layouts.class_names import read_class_names
from synth.sources.layouts.coco_boxes import open_coco_boxes
from synth.sources.layouts.files import Found, find_items
from synth.sources.layouts.labels import Boxes, Labels, Maps, NoLabels
from synth.sources.layouts.objects import LabelFile, instances_of
from synth.sources.layouts.table import (
    ClassList,
    Layout,
    class_list,
    class_list_of,
    folders_by,
    kinds_of,
    layout_names,
    layouts,
)
from synth.sources.layouts.voc import read_voc
from synth.sources.layouts.yolo import read_yolo
from synth.sources.ledger import Fate, object_fates
from synth.sources.reading import AbsentError, check_names, check_root, parameter, read_classes

_KNOWN = ("layout", "labels", "split", "condition", "classes", "space", "first_pixel", "riders_are_persons")
_USUAL = {"split": "val", "condition": "rain"}


@dataclass(frozen=True)
class LayoutSource:
    """Photographs of one published layout; see :func:`open_layout`.

    Attributes:
        found: The files.
        labels: What reads their labels.
        facts: What is true of all photographs, such as ``{"weather": "rain"}``.
    """

    name: str
    found: Found
    labels: Labels
    facts: Mapping[str, str]

    @property
    def classes(self) -> Classes:
        """Look up the classes of the labels."""
        return self.labels.classes

    @property
    def ids(self) -> Sequence[str]:
        """List the ids: what differs in the photographs' names, in the order of their paths."""
        return tuple(self.found.items)

    def size(self, id: str, /) -> tuple[int, int] | None:
        """Read (height, width) of one image from its header."""
        return size_of_image(self.found.items[id].photograph)

    def attributes(self, id: str, /) -> Mapping[str, str]:
        """Look up what the layout says about one image: its weather, its time of day."""
        return {**self.facts, **self.found.items[id].facts}

    def objects(self, id: str, /) -> int:
        """Count the labelled objects of one image, those to be ignored not counted; 0 where its file is unusable."""
        return sum(not box.ignored for box in self._file(self.found.items[id].label).boxes)

    def identity(self, id: str, /) -> str:
        """Digest the files of one image and what the labels mean; empty if a file is absent."""
        files = self.found.items[id].files
        if not all(path.is_file() for path in files):
            return ""
        return key_of([sha256_of(path) for path in files], self.labels.key)

    def fates(self, ids: Collection[str], /) -> Mapping[Fate, int]:
        """Count all labelled objects by what becomes of them in a run of these images; the sum is exact."""
        objects = {id: len(self._file(item.label).boxes) for id, item in self.found.items.items()}
        fates = object_fates(objects, self._fates_in, ids)
        fates["orphan id"] += sum(len(self._file(path).boxes) for path in self.found.orphans)
        return +fates

    def label_maps(self) -> Mapping[str, Path]:
        """List the files of all label maps by image id, those of no image among them; none if there are none."""
        if not isinstance(self.labels, Maps):
            return {}
        maps = {id: item.label for id, item in self.found.items.items() if item.label is not None}
        return maps | {str(path): path for path in self.found.orphans}

    def audit(self) -> Iterator[Finding]:
        """Name files without partner, label files that name another image or no size, and objects left out."""
        for name in self.found.unpaired:
            yield Finding("unpaired", name, "no label or clean image, or a name that the layout does not know")
        for path in self.found.orphans:
            yield Finding("unpaired", path.name, "a label file without photograph")
        files = {id: self._file(item.label) for id, item in self.found.items.items()}
        for id, file in files.items():
            here = self.found.items[id].photograph
            if file.image and Path(file.image.replace("\\", "/")).stem != here.stem:
                yield Finding(
                    "other name", id, f"its label file is for {file.image[:200]!r}; it is read for {here.name}"
                )
        sizeless = sum(bool(file.boxes) and not file.shares and file.size is None for file in files.values())
        if sizeless:
            yield Finding("size unknown", "", f"{sizeless} label files state no size of the image; it is not checked")

    def load(self, id: str, /) -> Photograph:
        """Decode one photograph and its labels.

        Raises:
            ImageError: A file is absent or unusable, or the labels are not for this image.
        """
        item = self.found.items[id]
        image = read_image(item.photograph)
        size = (image.shape[0], image.shape[1])
        truth, facts = self.labels.truth(item.label, size), self.attributes(id)
        if item.clean is None:
            return Photograph(id, image, None, truth, None, facts)
        return Photograph(id, read_image(item.clean, size), image, truth, None, facts)

    def _file(self, path: Path | None) -> LabelFile:
        try:
            return self.labels.file(path)
        except ImageError:
            return LabelFile(())

    def _fates_in(self, id: str) -> Mapping[Fate, int]:
        """Count the objects of one chosen image; raise ImageError where its labels are unusable."""
        item, size = self.found.items[id], self.size(id)
        if not isinstance(self.labels, Boxes):
            return {}
        if size is None:
            raise ImageError(f"{item.photograph}: not a readable image")
        instances, dropped = instances_of(self.labels.file(item.label), size, self.labels.known, str(item.label))
        crowds = int(instances.crowd.sum())
        return {"given": len(instances.boxes) - crowds, "crowd": crowds, "zero area": dropped}


def open_layout(root: Path | None, parameters: Parameters) -> LayoutSource | CocoSource:
    """Open one folder in a published layout.

    Args:
        root: The folder as it was unpacked.
        parameters: ``layout``, one of :func:`synth.sources.layouts.table.layout_names`; ``labels`` (``boxes``,
            ``masks`` or ``none``; the layout's first kind); ``split`` (``val``) and ``condition`` (``rain``), where
            the layout has such folders. For boxes: ``classes``, a class list below the root (CSV with id,name; for
            YOLO also ``data.yaml`` or a name a line); ``space``, the class space's name (``custom``);
            ``first_pixel``, the number of the leftmost pixel in VOC files (1); ``riders_are_persons`` (false: ACDC
            tells riders from persons, COCO's models do not).

    Raises:
        UserError: The layout is unknown, or the folder is not in it; the message says what was expected.
    """
    check_names(parameters, _KNOWN, "layout")
    rows = _rows(parameters)
    folder = check_root(root, "layout", "; or ".join(row.expected for row in rows))
    misses: list[str] = []
    for row in rows:
        if row.format == "coco":
            source = open_coco_boxes(folder, row, parameter(parameters, "riders_are_persons", False))
            if source is not None:
                return source
            continue
        found = find_items(folder, row)
        if found.items:
            facts = {"weather": row.weather} if row.weather else {}
            return LayoutSource("layout", found, _labels(folder, row, parameters), facts)
        misses += [found.miss] if found.miss else []
    if misses:
        raise UserError(f"{folder}: {'; '.join(dict.fromkeys(misses))}")
    raise AbsentError(
        f"{folder}: not a folder of layout {rows[0].layout}. Expected {'; or '.join(row.expected for row in rows)}"
    )


def _rows(parameters: Parameters) -> list[Layout]:
    """Choose the rows of one layout and kind of labels, places filled in."""
    name = parameter(parameters, "layout", "")
    if name not in layout_names():
        raise UserError(f"unknown layout {name!r}. Known: {', '.join(layout_names())}")
    kinds = kinds_of(name)
    labels = parameter(parameters, "labels", kinds[0])
    if labels not in kinds:
        raise UserError(f"layout {name} has no labels {labels!r}; it has {', '.join(kinds)}")
    split, condition = (_folder(name, part, parameters, usual) for part, usual in _USUAL.items())
    return [row.filled(split, condition) for row in layouts() if (row.layout, row.labels) == (name, labels)]


def _folder(layout: str, part: str, parameters: Parameters, usual: str) -> str:
    """Look up the folder of one split or condition."""
    value = parameter(parameters, part, usual)
    if part in parameters and part not in folders_by(layout):
        raise UserError(f"layout {layout} has no folders by {part}; leave out {part}")
    if not value.replace("_", "").isalnum():
        raise UserError(f"{part}: expected a folder's name such as {usual}, got {value[:80]!r}")
    return value


def _labels(root: Path, row: Layout, parameters: Parameters) -> Labels:
    if row.format == "none":
        return NoLabels()
    meaning = _meaning(root, row, parameters)
    if row.format == "ids":
        return Maps(meaning)
    classes = Classes(instances=meaning.space)
    if row.format == "yolo":
        return Boxes(classes, read_yolo, {str(number): id for number, id in meaning.numbers.items()})
    return Boxes(classes, partial(read_voc, first_pixel=parameter(parameters, "first_pixel", 1)), meaning.words)


def _meaning(root: Path, row: Layout, parameters: Parameters) -> ClassList:
    given, space = parameter(parameters, "classes", ""), parameter(parameters, "space", "custom")
    if given.endswith(".csv"):
        return class_list_of(read_classes(root / given, space)[0])
    if given or not row.classes:
        return class_list_of(read_class_names(root, given, space))
    known = class_list(row.classes)
    return replace(known, space=replace(known.space, name=space)) if "space" in parameters else known
