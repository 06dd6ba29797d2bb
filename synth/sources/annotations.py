"""Convert the COCO annotations of one image, JSON values checked one by one, to :class:`Instances` and back."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np

from bench.contract import Instances, Rle
from bench.errors import ImageError
from bench.io.masks import encode_polygons, encode_runs, rle_functions
from synth.sources.ledger import Fate

Json: TypeAlias = Mapping[str, Any]

_GREATEST = sys.float_info.max
_MOST_IDS = 2**53
_ABSENT = "has no mask"
_MARGIN = 1.0
"""How far, in image sides, a polygon may leave its image before it is called damaged."""


@dataclass(frozen=True)
class Annotations:
    """The labelled objects of one image.

    Attributes:
        instances: The objects.
        ids: Their ids in the original file, one each; 0 where there is none.
        dropped: How many boxes without area were left out (COCO itself has a few).
        unmasked: Why objects have no mask, one text an object.
        unreadable: How many of these have something in the place of a mask that is none.
    """

    instances: Instances
    ids: tuple[int, ...]
    dropped: int
    unmasked: tuple[str, ...] = ()
    unreadable: int = 0

    @property
    def fates(self) -> dict[Fate, int]:
        """Count the labelled objects by what becomes of them."""
        crowds = int(self.instances.crowd.sum())
        return {"given": len(self.ids) - crowds, "crowd": crowds, "zero area": self.dropped}


@dataclass(frozen=True)
class _Labelled:
    """One checked annotation."""

    id: int
    category: int
    box: Sequence[float]
    crowd: bool
    area: object
    mask: Rle | None
    why_unmasked: str
    name: str


def read_annotations(
    records: Sequence[object], size: tuple[int, int], class_ids: frozenset[int], where: str
) -> Annotations:
    """Check the annotations of one image and convert them.

    Polygons and uncompressed run lengths become compressed run lengths as pycocotools rasterises them. A segmentation
    that describes no mask of the image is no mask: boxes do not need it. Masks are None if no object has one.

    Args:
        records: COCO annotation objects: ``bbox`` (x, y, width, height), ``category_id`` and optionally
            ``id``, ``iscrowd`` (0, 1, false, true), ``area``, ``segmentation``. Whole numbers may be written as floats.
        size: (height, width) of the image.
        class_ids: Every known category id.
        where: What to call the image in messages.

    Raises:
        ImageError: A value is missing, not finite, negative or of an unknown category, or ``iscrowd`` is neither.
    """
    read = [_labelled(record, number, size, class_ids, where) for number, record in enumerate(records, start=1)]
    objects = [found for found in read if found.box[2] > 0 and found.box[3] > 0]
    bare = [found for found in objects if found.mask is None]
    corners = [(x, y, x + width, y + height) for x, y, width, height in (found.box for found in objects)]
    masked = len(bare) < len(objects) or not objects
    return Annotations(
        instances=Instances(
            boxes=np.array(corners, dtype=np.float64).reshape(-1, 4),
            class_ids=np.array([found.category for found in objects], dtype=np.int64),
            crowd=np.array([found.crowd for found in objects], dtype=np.bool_),
            areas=np.array([_area(found) for found in objects], dtype=np.float64),
            masks=tuple(found.mask or _nothing(size) for found in objects) if masked else None,
            unmasked={row: found.name for row, found in enumerate(objects) if masked and found.mask is None},
        ),
        ids=tuple(found.id for found in objects),
        dropped=len(read) - len(objects),
        unmasked=tuple(f"{found.name} {found.why_unmasked}" for found in bare),
        unreadable=sum(found.why_unmasked != _ABSENT for found in bare),
    )


def write_annotations(instances: Instances, ids: Sequence[int] = ()) -> list[dict[str, object]]:
    """Write the objects of one image as COCO annotations, without ``image_id``; ``id`` is 0 where none is known.

    Box sides are rounded to a millionth of a pixel, which gives back the decimals of the original file.
    """
    written: list[dict[str, object]] = []
    for row in range(len(instances.boxes)):
        x1, y1, x2, y2 = (float(value) for value in instances.boxes[row])
        record: dict[str, object] = {
            "id": ids[row] if row < len(ids) else 0,
            "category_id": int(instances.class_ids[row]),
            "iscrowd": int(instances.crowd[row]),
            "bbox": [round(value, 6) for value in (x1, y1, x2 - x1, y2 - y1)],
            "area": float(instances.areas[row]),
        }
        if instances.masks is not None and row not in instances.unmasked:
            record["segmentation"] = dict(instances.masks[row])
        written.append(record)
    return written


def read_mask(value: object, size: tuple[int, int], where: str) -> Rle | None:
    """Convert one COCO segmentation (polygons, uncompressed or compressed run lengths) to compressed run lengths.

    Returns:
        The mask; None where there is no segmentation.

    Raises:
        ImageError: It does not describe a mask of this size.
    """
    if value is None or value == []:
        return None
    if isinstance(value, list):
        return _rle_of_polygons(value, size, where)
    if not isinstance(value, dict) or value.get("size") != list(size):
        found = value.get("size") if isinstance(value, dict) else value
        raise ImageError(f"{where}: expected a segmentation of size {list(size)}, found {_shown(found)}")
    counts = value.get("counts")
    runs = run_lengths(counts) if isinstance(counts, str) else counts
    if not (isinstance(runs, list) and all(type(run) is int and run >= 0 for run in runs)) or (
        sum(runs) != size[0] * size[1]
    ):
        raise ImageError(f"{where}: run lengths do not fill the {size[1]}x{size[0]} image")
    return encode_runs(runs, size)


def run_lengths(text: str) -> list[int]:
    """Decode one compressed COCO mask into the lengths of its runs, background first.

    Each number is a little-endian sequence of characters from ``0`` on: five bits of value, a sixth that says
    "more follows", and the last one's fifth bit as sign. From the fourth on, a number is the difference to
    the run before the last. Text that is no such sequence gives no runs.
    """
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 40:
            return []
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (1 << shift) if bits & 16 else 0
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    return [] if shift else runs


def is_number(value: object) -> bool:
    """Test one JSON value for a finite number that a float can hold; ``true`` and NaN are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _GREATEST


def whole_number(value: object) -> int | None:
    """Read one JSON value as a whole number: 139 and 139.0 are 139; text, ``true`` and 0.5 are None."""
    if type(value) is float and value.is_integer() and abs(value) <= _MOST_IDS:
        return int(value)
    return value if type(value) is int else None


def read_flag(value: object, where: str) -> bool:
    """Read one JSON value as yes or no: 0, 1, false or true.

    Raises:
        ImageError: It is anything else, such as the text ``"0"``, which many programs take for yes.
    """
    if isinstance(value, bool | int | float) and value in (0, 1):
        return bool(value)
    raise ImageError(f"{where}: expected 0, 1, false or true, found {_shown(value)}")


def _labelled(record: object, number: int, size: tuple[int, int], class_ids: frozenset[int], where: str) -> _Labelled:
    place = f"{where}: annotation {number}"
    if not isinstance(record, dict):
        raise ImageError(f"{place}: expected an object, found {_shown(record)}")
    place = f"{where}: annotation {_shown(record['id'])}" if "id" in record else place
    box = _box(record, place)
    category = whole_number(record.get("category_id"))
    if category is None or category not in class_ids:
        raise ImageError(f"{place}: unknown category id {_shown(record.get('category_id'))}")
    crowd = read_flag(record.get("iscrowd", 0), f"{place}: iscrowd")
    mask, why = _mask_or_reason(record, size) if box[2] and box[3] else (None, "")
    id = _id(record.get("id"))
    name = f"annotation {id}" if id else f"object {number}"
    return _Labelled(id, category, box, crowd, record.get("area"), mask, why, name)


def _mask_or_reason(record: Json, size: tuple[int, int]) -> tuple[Rle | None, str]:
    try:
        mask = read_mask(record.get("segmentation"), size, "has no mask that can be read")
    except ImageError as error:
        return None, str(error)
    return mask, "" if mask else _ABSENT


def _box(record: Json, where: str) -> list[float]:
    box = record.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(is_number(value) for value in box):
        raise ImageError(f"{where}: expected a bbox of four finite numbers, found {_shown(box)}")
    if box[2] < 0 or box[3] < 0 or max(abs(value) for value in box) > 1e6:
        raise ImageError(f"{where}: impossible box {_shown(box)} (x, y, width, height)")
    return [float(value) for value in box]


def _area(found: _Labelled) -> float:
    if is_number(found.area) and float(cast(float, found.area)) >= 0:
        return float(cast(float, found.area))
    return float(rle_functions().area(found.mask)) if found.mask is not None else found.box[2] * found.box[3]


def _nothing(size: tuple[int, int]) -> Rle:
    return encode_runs([size[0] * size[1]], size)


def _rle_of_polygons(polygons: Sequence[Any], size: tuple[int, int], where: str) -> Rle:
    reach = (1 + _MARGIN) * max(size)
    for polygon in polygons:
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
            raise ImageError(f"{where}: expected polygons of at least three x, y pairs, found {_shown(polygon)}")
        if not all(is_number(value) and abs(value) <= reach for value in polygon):
            raise ImageError(f"{where}: a polygon has corners that are not finite or far outside the image")
    return encode_polygons(polygons, size)


def _id(value: object) -> int:
    number = whole_number(value)
    return number if number is not None and 0 < number < _MOST_IDS else 0


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
