"""Open boxes in COCO's form that belong to photographs in nested folders, as ACDC has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bench.contract import Classes, ClassSpace
from bench.errors import UserError
from synth.sources.coco import CocoSource
from synth.sources.coco_file import CocoFile, CocoImage, group_annotations, list_records, read_coco_file
from synth.sources.layouts.table import Layout, plain_word
from synth.sources.reading import AbsentError

_RIDER, _PERSON = "rider", "person"


def open_coco_boxes(root: Path, layout: Layout, riders_are_persons: bool) -> CocoSource | None:
    """Open the boxes of one layout; of a file for all conditions, the images of the wanted one.

    Args:
        root: The folder.
        layout: The layout, split and condition filled in.
        riders_are_persons: Whether riders are labelled as persons, as in COCO.

    Returns:
        The source; None where there is no such label file.

    Raises:
        AbsentError: None of the images of the condition is there.
        UserError: The label file is no COCO file.
    """
    path = root / layout.place
    if not path.is_file():
        return None
    file = read_coco_file(path, layout.layout)
    file = _without_riders(file) if riders_are_persons else file
    grouped, orphans = group_annotations(file)
    records, left_out = _chosen(list_records(file, grouped, root / layout.label), layout)
    if not any(record.path.is_file() for record in records.values()):
        raise AbsentError(
            f"{path}: names {len(records)} images of {layout.photographs}/, none of which is there. Expected "
            f"{layout.expected}"
        )
    labelled = len(file.annotations) - left_out
    classes = Classes(file.classes)
    return CocoSource("layout", classes, root / layout.photographs, records, orphans=orphans, labelled=labelled)


def _chosen(records: Mapping[str, CocoImage], layout: Layout) -> tuple[dict[str, CocoImage], int]:
    """Keep the records of the layout's own folder, by short ids; count the annotations of the others."""
    folder = layout.photographs.removeprefix(f"{layout.label}/") + "/"
    kept: dict[str, CocoImage] = {}
    left_out = 0
    for name, record in records.items():
        before, there, below = name.partition(folder)
        if not there or (before and not before.endswith("/")):
            left_out += len(record.annotations)
            continue
        match = re.fullmatch(layout.photograph, below)
        id = match["id"] if match else below
        if id in kept:
            raise UserError(f"{layout.place}: two images are called {id!r}; expected distinct file names")
        kept[id] = record
    return kept, left_out


def _without_riders(file: CocoFile) -> CocoFile:
    numbers = {plain_word(name): id for id, name in zip(file.classes.ids, file.classes.names, strict=True)}
    if not {_RIDER, _PERSON} <= numbers.keys():
        raise UserError(f"{file.path}: riders_are_persons needs the categories rider and person")
    rider, person = numbers[_RIDER], numbers[_PERSON]
    annotations = [
        {**item, "category_id": person} if isinstance(item, dict) and item.get("category_id") == rider else item
        for item in file.annotations
    ]
    kept = {id: name for id, name in zip(file.classes.ids, file.classes.names, strict=True) if id != rider}
    classes = ClassSpace(file.classes.name, tuple(kept), tuple(kept.values()))
    return replace(file, annotations=annotations, classes=classes)
