"""Read label files of YOLO's form, one text an image: a line an object, ``class x y width height`` in shares."""

from __future__ import annotations

from pathlib import Path

from bench.errors import ImageError
from synth.sources.layouts.objects import LabelFile, LabelledBox
from synth.sources.reading import check_label_file

_FORM = "class, centre x, centre y, width and height as shares from 0 to 1"


def read_yolo(path: Path) -> LabelFile:
    """Read one text label file; an empty one is an image without objects.

    Raises:
        ImageError: The file is absent, too large or no text, or a line is something else; the message has the line.
    """
    check_label_file(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ImageError(f"{path}: no text ({error})") from error
    found = [
        _box(line.split(), f"{path}: line {number}", number) for number, line in enumerate(lines, 1) if line.strip()
    ]
    return LabelFile(found, shares=True)


def _box(parts: list[str], place: str, number: int) -> LabelledBox:
    if len(parts) != 5:
        more = "; a polygon, convert it to its box" if len(parts) > 6 and len(parts) % 2 else ""
        raise ImageError(f"{place}: expected {_FORM}, found {len(parts)} values{more}")
    label = parts[0]
    if not (label.isascii() and label.isdecimal() and len(label) < 7):
        raise ImageError(f"{place}: expected {_FORM}, found {label[:80]!r} as class")
    try:
        x, y, width, height = (float(part) for part in parts[1:])
    except ValueError:
        raise ImageError(f"{place}: expected {_FORM}, found {' '.join(parts)[:80]!r}") from None
    if not all(0 <= value <= 1 for value in (x, y, width, height)):
        raise ImageError(f"{place}: expected {_FORM}, found {' '.join(parts)[:80]!r}")
    corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    return LabelledBox(corners, str(int(label)), False, number)
