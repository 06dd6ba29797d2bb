"""Labelled boxes of one image as a label file has them, checked against the image and made :class:`Instances`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.contract import Instances
from bench.errors import ImageError

_TOLERANCE_PIXELS = 1.0


@dataclass(frozen=True)
class LabelledBox:
    """One object of a label file.

    Attributes:
        corners: x1, y1, x2, y2: edges in pixels, or in shares of the image's sides (:attr:`LabelFile.shares`).
        label: Class as the file names it.
        ignored: True for objects that the file calls difficult: neither missed nor wrong.
        line: Line of the file.
    """

    corners: tuple[float, float, float, float]
    label: str
    ignored: bool
    line: int


@dataclass(frozen=True)
class LabelFile:
    """The content of one label file.

    Attributes:
        boxes: The objects.
        shares: Whether corners are shares of the image's sides.
        size: (height, width) that the file says its image has; None where it says none.
        size_line: Line on which it says so.
        image: File name that it says its image has; empty where it says none.
    """

    boxes: Sequence[LabelledBox]
    shares: bool = False
    size: tuple[int, int] | None = None
    size_line: int = 0
    image: str = ""


def instances_of(
    file: LabelFile, size: tuple[int, int], classes: Mapping[str, int], where: str
) -> tuple[Instances, int]:
    """Check the boxes of one label file against its image and convert them.

    Args:
        file: The content.
        size: (height, width) of the image.
        classes: Class ids by what label files call them.
        where: What to call the file in messages.

    Returns:
        The objects, edges up to a pixel outside moved onto the image's edge; how many boxes without area are left out.

    Raises:
        ImageError: The labels are for another size, a box leaves the image, or a class is unknown.
    """
    _check_size(file, size, where)
    boxes, ids, ignored, dropped = [], [], [], 0
    for found in file.boxes:
        place = f"{where}: line {found.line}"
        if found.label not in classes:
            raise ImageError(f"{place}: unknown class {found.label[:80]!r}; known: {', '.join(list(classes)[:12])}")
        x1, y1, x2, y2 = _inside(found, file.shares, size, place)
        if x2 <= x1 or y2 <= y1:
            dropped += 1
            continue
        boxes.append((x1, y1, x2, y2))
        ids.append(classes[found.label])
        ignored.append(found.ignored)
    corners = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    areas = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    return Instances(corners, np.array(ids, dtype=np.int64), np.array(ignored, dtype=np.bool_), areas), dropped


def _check_size(file: LabelFile, size: tuple[int, int], where: str) -> None:
    if file.size is None or file.size == size:
        return
    why = "one of them was turned" if file.size == size[::-1] else "they belong to another image, or it was resized"
    raise ImageError(
        f"{where}: line {file.size_line}: labels for {file.size[1]}x{file.size[0]} pixels, the image has "
        f"{size[1]}x{size[0]}: {why}. Mend the pair, or leave it out"
    )


def _inside(found: LabelledBox, shares: bool, size: tuple[int, int], place: str) -> tuple[float, float, float, float]:
    """Scale one box to pixels and move edges that are a pixel outside; refuse one that leaves the image."""
    height, width = size
    across, down = (width, height) if shares else (1, 1)
    x1, y1, x2, y2 = (side * scale for side, scale in zip(found.corners, (across, down) * 2, strict=True))
    outside = max(-x1, -y1, x2 - width, y2 - height)
    if outside > _TOLERANCE_PIXELS:
        raise ImageError(
            f"{place}: box {x1:g}, {y1:g}, {x2:g}, {y2:g} leaves the {width}x{height} image; the image was turned or "
            "flipped, or the labels are another's"
        )
    return max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height))
