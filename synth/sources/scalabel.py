"""Read Scalabel label files, as BDD100K has them, and BDD100K's instance bitmasks."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.contract import ClassSpace, Instances, Rle
from bench.errors import ImageError, UserError
from bench.io.files import read_json
from bench.io.masks import encode, rle_functions
from synth.sources.annotations import Json, is_number, read_flag
from synth.sources.ledger import Fate

_LABELS = Path(__file__).with_name("bdd_labels.csv")
_MASKED_CLASSES = 8
_CROWD_OR_IGNORE = 0b11


@dataclass(frozen=True)
class Frame:
    """One image of a Scalabel file.

    Attributes:
        name: The image's file name.
        attributes: Facts such as weather and timeofday.
        labels: The label objects, unchecked; empty where the file says ``null`` or nothing.
        unlabelled: True if it said ``null`` or nothing.
    """

    name: str
    attributes: Mapping[str, str]
    labels: Sequence[object]
    unlabelled: bool


@dataclass(frozen=True)
class Meaning:
    """Meaning of a label's category name: a class id, and whether such objects are ignored."""

    id: int
    ignored: bool


@cache
def meanings() -> Mapping[str, Meaning]:
    """Read the table of category names of 2018 and 2020 as classes of BDD100K's detection task."""
    with _LABELS.open(newline="", encoding="utf-8") as file:
        return {row["label"]: Meaning(int(row["id"]), row["ignored"] == "1") for row in csv.DictReader(file)}


def bdd_classes(masked: bool, like_coco: bool) -> ClassSpace:
    """List BDD100K's ten detection classes, the eight of them that have masks, or those that COCO has, too.

    Args:
        masked: Only the classes of instance segmentation.
        like_coco: Without traffic sign and without rider: COCO calls riders persons.
    """
    names: dict[int, str] = {}
    for name, meaning in meanings().items():
        names.setdefault(meaning.id, name)
    left_out = {"rider", "traffic sign"} if like_coco else set()
    kept = {id: name for id, name in names.items() if name not in left_out and (id <= _MASKED_CLASSES or not masked)}
    return ClassSpace("bdd", tuple(kept), tuple(kept.values()))


def read_frames(path: Path) -> list[Frame]:
    """Read one Scalabel file: a list of frames, or an object with ``frames``.

    Raises:
        UserError: It is absent or something else.
    """
    content = read_json(path)
    frames = content.get("frames") if isinstance(content, dict) else content
    if not isinstance(frames, list) or not frames:
        raise UserError(f"{path}: expected a Scalabel file, a list of frames with name and labels")
    found: dict[str, Frame] = {}
    for number, frame in enumerate(frames, start=1):
        name = frame.get("name") if isinstance(frame, dict) else None
        labels = frame.get("labels") if isinstance(frame, dict) else None
        if not isinstance(name, str) or not name or not (labels is None or isinstance(labels, list)):
            raise UserError(f"{path}: frame {number} has no name, or labels that are no list")
        if name in found:
            raise UserError(f"{path}: frame {number}: {name!r} is there twice")
        facts = frame.get("attributes")
        attributes = {str(key).lower(): str(value) for key, value in facts.items()} if isinstance(facts, dict) else {}
        found[name] = Frame(name, attributes, labels or (), labels is None)
    return list(found.values())


def boxes_of(labels: Sequence[object], classes: ClassSpace, inclusive: bool, where: str) -> Instances:
    """Convert the labels of one frame to boxes. Labels without ``box2d`` (lanes, drivable area) are no objects.

    Args:
        labels: Scalabel label objects.
        classes: The classes to keep. Riders become pedestrians where there is no class for them.
        inclusive: Whether x2, y2 are the last pixels of the object (as the official conversion takes them)
            rather than its edges; then it is one pixel wider and higher.
        where: What to call the image in messages.

    Raises:
        ImageError: A box is not finite or negative, a category is unknown, or crowd or ignored is neither yes nor no.
    """
    rows = [row for row in _labelled(labels, classes, inclusive, where) if row.fate in ("given", "crowd")]
    boxes = np.array([row.box for row in rows], dtype=np.float64).reshape(-1, 4)
    return Instances(
        boxes=boxes,
        class_ids=np.array([row.class_id for row in rows], dtype=np.int64),
        crowd=np.array([row.fate == "crowd" for row in rows], dtype=np.bool_),
        areas=(boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]),
    )


def fates_of_boxes(labels: Sequence[object], classes: ClassSpace, inclusive: bool, where: str) -> Counter[Fate]:
    """Count the objects of one frame by what :func:`boxes_of` makes of them.

    Raises:
        ImageError: As :func:`boxes_of`.
    """
    return Counter(row.fate for row in _labelled(labels, classes, inclusive, where))


def count_objects(labels: Sequence[object]) -> int:
    """Count the objects of one frame, crowds among them: all labels but those without box (lanes, drivable area)."""
    return sum(not isinstance(label, dict) or label.get("box2d") is not None for label in labels)


def flat_boxes(labels: Sequence[object]) -> int:
    """Count the boxes of one frame that have x1 = x2 or y1 = y2."""
    boxes = [label.get("box2d") for label in labels if isinstance(label, dict)]
    return sum(
        isinstance(box, dict) and any(box.get(f"{axis}1") == box.get(f"{axis}2") for axis in "xy") for box in boxes
    )


def masks_of(bitmask: npt.NDArray[np.uint8], classes: ClassSpace, where: str) -> Instances:
    """Convert one BDD100K instance bitmask to objects.

    Red is the class, 1 to 8, 0 for none; the two low bits of green say crowd and ignore; blue and alpha are the
    high and the low byte of the object's number.

    Args:
        bitmask: (H, W, 4) uint8.
        classes: The classes to keep. Riders become pedestrians where there is no class for them.
        where: What to call the image in messages.

    Raises:
        ImageError: There is a class above 8.
    """
    codes = _codes(bitmask)
    masks: list[Rle] = []
    class_ids: list[int] = []
    crowd: list[bool] = []
    for code in np.unique(codes).tolist():
        category, flags = code >> 24, code >> 16 & 255
        if category == 0:
            continue
        if category > _MASKED_CLASSES:
            raise ImageError(f"{where}: class {category} in the bitmask; expected 1 to {_MASKED_CLASSES}")
        class_id = _class_of(category, classes)
        if class_id is not None:
            masks.append(encode(codes == code))
            class_ids.append(class_id)
            crowd.append(bool(flags & _CROWD_OR_IGNORE))
    library = rle_functions()
    boxes = np.array([library.toBbox(mask) for mask in masks], dtype=np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return Instances(
        boxes=boxes,
        class_ids=np.array(class_ids, dtype=np.int64),
        crowd=np.array(crowd, dtype=np.bool_),
        areas=np.array([library.area(mask) for mask in masks], dtype=np.float64),
        masks=tuple(masks),
    )


def fates_of_masks(bitmask: npt.NDArray[np.uint8]) -> Counter[Fate]:
    """Count the objects of one bitmask by what :func:`masks_of` makes of them: no class is left out."""
    numbers = [code for code in np.unique(_codes(bitmask)).tolist() if code >> 24]
    return Counter("crowd" if code >> 16 & _CROWD_OR_IGNORE else "given" for code in numbers)


def _codes(bitmask: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """Join the four bytes of every pixel, red the highest."""
    return bitmask.astype(np.uint32) @ np.array([1 << 24, 1 << 16, 1 << 8, 1], dtype=np.uint32)


@dataclass(frozen=True)
class _Labelled:
    """One checked label with a box; the class is 0 where it is left out."""

    box: Sequence[float]
    class_id: int
    fate: Fate


def _labelled(labels: Sequence[object], classes: ClassSpace, inclusive: bool, where: str) -> list[_Labelled]:
    found: list[_Labelled] = []
    for number, label in enumerate(labels, start=1):
        place = f"{where}: label {number}"
        if not isinstance(label, dict):
            raise ImageError(f"{place}: expected an object, found {type(label).__name__}")
        if label.get("box2d") is None:
            continue
        box = _box(label["box2d"], inclusive, place)
        meaning = meanings().get(str(label.get("category")).lower())
        if meaning is None:
            raise ImageError(f"{place}: unknown category {label.get('category')!r}")
        class_id = _class_of(meaning.id, classes)
        fate: Fate = "given"
        if class_id is None:
            fate = "class left out"
        elif not (box[2] > box[0] and box[3] > box[1]):
            fate = "zero area"
        elif meaning.ignored or _flag(label, "crowd", place) or _flag(label, "ignored", place):
            fate = "crowd"
        found.append(_Labelled(box, class_id or 0, fate))
    return found


def _box(value: object, inclusive: bool, where: str) -> list[float]:
    sides = [value.get(side) for side in ("x1", "y1", "x2", "y2")] if isinstance(value, dict) else []
    if len(sides) != 4 or not all(is_number(side) for side in sides):
        raise ImageError(f"{where}: expected a box2d with finite x1, y1, x2, y2, found {value!r}")
    x1, y1, x2, y2 = (float(str(side)) for side in sides)
    if x2 < x1 or y2 < y1 or max(abs(side) for side in (x1, y1, x2, y2)) > 1e6:
        raise ImageError(f"{where}: impossible box {value!r}")
    more = 1.0 if inclusive else 0.0
    return [x1, y1, x2 + more, y2 + more]


def _flag(label: Json, name: str, where: str) -> bool:
    attributes = label.get("attributes")
    if not isinstance(attributes, dict):
        return False
    values = [value for key, value in attributes.items() if str(key).lower() == name]
    return any(read_flag(value, f"{where}: {name}") for value in values)


def _class_of(id: int, classes: ClassSpace) -> int | None:
    if id in classes.ids:
        return id
    rider, pedestrian = meanings()["rider"].id, meanings()["pedestrian"].id
    return pedestrian if id == rider and pedestrian in classes.ids else None
