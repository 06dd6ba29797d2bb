"""Read label files of PASCAL VOC's form, one XML an image: RID, RIS, DAWN, LabelImg, CVAT."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from bench.errors import ImageError
from synth.sources.layouts.objects import LabelFile, LabelledBox
from synth.sources.layouts.table import plain_word
from synth.sources.layouts.xml_fields import Field, read_fields

_SIDES = ("xmin", "ymin", "xmax", "ymax")
_MOST = 1e6


def read_voc(path: Path, first_pixel: int = 1) -> LabelFile:
    """Read one XML label file.

    Objects called difficult are ignored, as VOC's own evaluation does; parts of objects are no objects.

    Args:
        path: The file.
        first_pixel: Number of the leftmost pixel: 1 as in VOC, 0 in files of some programs. xmax and ymax are the
            last pixels of an object.

    Raises:
        ImageError: The file is no such XML, or an object has no name or no possible box; the message has the line.
    """
    fields = read_fields(path, "annotation")
    size, line = _size(fields)
    image = next((found.text for found in fields if found.path == "filename"), "")
    boxes = [
        _box(group, first_pixel, path)
        for _, found in groupby(fields, key=lambda found: found.group)
        if (group := list(found))[-1].path == "object"
    ]
    return LabelFile(boxes, size=size, size_line=line, image=image)


def _size(fields: Iterable[Field]) -> tuple[tuple[int, int] | None, int]:
    """Find (height, width) and its line; None where a side is absent or 0, as some programs write it."""
    sides = {found.path: found for found in fields if found.path in ("size/width", "size/height")}
    if len(sides) < 2 or not all(found.text.isdecimal() and len(found.text) < 7 for found in sides.values()):
        return None, 0
    height, width = int(sides["size/height"].text), int(sides["size/width"].text)
    return (height, width) if height and width else None, sides["size/width"].line


def _box(group: Sequence[Field], first_pixel: int, path: Path) -> LabelledBox:
    fields: Mapping[str, Field] = {found.path: found for found in group}
    line = group[-1].line
    name = fields.get("object/name")
    if name is None or not name.text:
        raise ImageError(f"{path}: line {line}: an object without a name")
    x1, y1, x2, y2 = (_number(fields.get(f"object/bndbox/{side}"), side, line, path) for side in _SIDES)
    if x2 < x1 or y2 < y1:
        raise ImageError(f"{path}: line {line}: impossible box {x1:g}, {y1:g}, {x2:g}, {y2:g} (xmin, ymin, xmax, ymax)")
    difficult = fields.get("object/difficult")
    corners = (x1 - first_pixel, y1 - first_pixel, x2 - first_pixel + 1, y2 - first_pixel + 1)
    return LabelledBox(corners, plain_word(name.text), difficult is not None and difficult.text == "1", line)


def _number(found: Field | None, side: str, line: int, path: Path) -> float:
    try:
        value = float(found.text if found else "")
    except ValueError:
        value = math.nan
    if not abs(value) <= _MOST:  # also what is no number
        shown = repr(found.text[:80]) if found else "nothing"
        raise ImageError(f"{path}: line {found.line if found else line}: expected a number as {side}, found {shown}")
    return value
