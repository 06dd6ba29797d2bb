"""Read a COCO instances JSON: its images, categories and annotations, checked and put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contract import ClassSpace
from bench.errors import UserError
from bench.io.files import read_json
from synth.sources.annotations import Json, whole_number
from synth.sources.file_names import ImageFiles, is_absolute, plain_name
from synth.sources.reading import escapes, stem_of

_PARTS = ("images", "annotations", "categories")
_MOST_ID = 2**53


@dataclass(frozen=True)
class CocoFile:
    """The content of an instances JSON.

    Attributes:
        path: The file.
        images: Image objects, each with a file name.
        annotations: Annotation objects, unchecked.
        classes: The categories.
    """

    path: Path
    images: Sequence[Json]
    annotations: Sequence[object]
    classes: ClassSpace


@dataclass(frozen=True)
class CocoImage:
    """One image of an instances JSON.

    Attributes:
        image_id: COCO's number.
        path: The image file.
        size: (height, width) as the JSON says.
        annotations: The image's annotation objects, unchecked.
        fault: Why the image cannot be used, as far as its record tells; empty for none.
        renamed: The file's name in the JSON where it is another than on the disk; empty where it is the same.
    """

    image_id: int
    path: Path
    size: tuple[int, int]
    annotations: Sequence[object]
    fault: str = ""
    renamed: str = ""


def read_coco_file(path: Path, space: str) -> CocoFile:
    """Read one instances JSON.

    Args:
        path: The file.
        space: What to call the class space.

    Raises:
        UserError: It is absent or something else, lists no images, or an image has no file name.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        found = _kind(content)
        raise UserError(f"{path}: expected a COCO file with lists of images, annotations and categories, found {found}")
    for part in _PARTS:
        if not isinstance(content.get(part), list):
            found = f"'{part}' is {_kind(content[part])}" if part in content else f"there is no '{part}'"
            raise UserError(f"{path}: expected a COCO file with lists of images, annotations and categories; {found}")
    if not content["images"]:
        raise UserError(f"{path}: lists no images")
    for position, image in enumerate(content["images"], start=1):
        if not isinstance(image, dict) or not isinstance(image.get("file_name"), str) or not image["file_name"]:
            has = f"; it has {', '.join(sorted(map(str, image))[:8])}" if isinstance(image, dict) else ""
            url = ". LVIS gives coco_url instead: write its last part as file_name" if "coco_url" in has else ""
            raise UserError(f"{path}: image {position} has no file_name{has}{url}")
    return CocoFile(path, content["images"], content["annotations"], _class_space(content["categories"], space, path))


def is_coco_file(path: Path) -> bool:
    """Test one JSON file for the three lists of an instances file."""
    try:
        content = read_json(path)
    except UserError:
        return False
    return isinstance(content, dict) and all(isinstance(content.get(part), list) for part in _PARTS)


def group_annotations(file: CocoFile) -> tuple[Mapping[int, Sequence[object]], int]:
    """Sort the annotations of one file by image id.

    Returns:
        The annotations of each listed image, and how many belong to no listed image.

    Raises:
        UserError: Image ids are text, or no annotation belongs to a listed image.
    """
    grouped: dict[int, list[object]] = {}
    for image in file.images:
        if (number := whole_number(image.get("id"))) is not None:
            grouped[number] = []
    orphans = 0
    for annotation in file.annotations:
        value = annotation.get("image_id") if isinstance(annotation, dict) else None
        if isinstance(value, str):
            raise _text_ids(file)
        number = whole_number(value)
        if number is not None and number in grouped:
            grouped[number].append(annotation)
        else:
            orphans += 1
    if orphans and orphans == len(file.annotations):
        first = next((str(item.get("image_id"))[:30] for item in file.annotations if isinstance(item, dict)), "none")
        raise UserError(
            f"{file.path}: none of its {orphans} annotations belongs to a listed image: the first has image_id "
            f"{first}, the first image has id {str(file.images[0].get('id'))[:30]}. An image_id must be an image's id"
        )
    return grouped, orphans


def list_records(file: CocoFile, annotations: Mapping[int, Sequence[object]], folder: Path) -> dict[str, CocoImage]:
    """Put together the images of one file, by id: the file name without suffix, with it where two share a stem.

    Raises:
        UserError: Two images have one file name.
    """
    files = ImageFiles(folder)
    stems = Counter(stem_of(plain_name(image["file_name"])) for image in file.images)
    records: dict[str, CocoImage] = {}
    numbers: set[int] = set()
    taken: dict[Path, str] = {}
    for image in file.images:
        id = stem_of(plain_name(image["file_name"]))
        id = id if stems[id] == 1 else plain_name(image["file_name"]).encode("utf-8", "backslashreplace").decode()
        if id in records:
            raise UserError(f"{file.path}: two images are called {id!r}; expected distinct file names")
        path = files.find(image["file_name"])
        fault = _fault(image, path, numbers)
        if path is not None and not fault and taken.setdefault(path, id) != id:
            fault = f"the label file names {image['file_name']!r}, which is the file of image {taken[path]!r}, too"
        records[id] = _record(image, path, folder, annotations, fault)
        numbers.add(records[id].image_id)
    return records


def _record(
    image: Json, path: Path | None, folder: Path, annotations: Mapping[int, Sequence[object]], fault: str
) -> CocoImage:
    written: str = image["file_name"]
    renamed = written if path is not None and path != folder / written else ""
    if path is None:  # for messages alone
        path = folder if escapes(plain_name(written)) else folder / plain_name(written)
    if fault:
        return CocoImage(-1, path, (0, 0), (), fault, renamed)
    number, height, width = (whole_number(image[key]) or 0 for key in ("id", "height", "width"))
    return CocoImage(number, path, (height, width), annotations[number], fault, renamed)


def _fault(image: Json, path: Path | None, numbers: set[int]) -> str:
    name, number = image["file_name"], whole_number(image.get("id"))
    if path is None and (escapes(plain_name(name)) or is_absolute(name)):
        return f"the label file names {name!r}, which is not a file below the folder of images"
    if number is None or not 0 <= number < _MOST_ID:
        return f"expected a whole number from 0 to 2^53 as image id, found {str(image.get('id'))[:30]!r}"
    if number in numbers:
        return f"image id {number} is used twice in the label file"
    absent = [side for side in ("height", "width") if image.get(side) is None]
    if absent:
        return f"the label file does not say the image's {' and '.join(absent)}"
    sides = [whole_number(image[side]) for side in ("height", "width")]
    if not all(side is not None and 0 < side < 10**5 for side in sides):
        return f"impossible size {str(image['width'])[:30]}x{str(image['height'])[:30]} in the label file"
    return ""


def _class_space(categories: Sequence[object], name: str, path: Path) -> ClassSpace:
    pairs = [(whole_number(item.get("id")), item.get("name")) for item in categories if isinstance(item, dict)]
    good = [(id, label) for id, label in pairs if id is not None and abs(id) <= _MOST_ID and isinstance(label, str)]
    if not good or len(good) != len(categories) or len({id for id, _ in good}) != len(good):
        raise UserError(f"{path}: expected categories with distinct whole numbers up to 2^53 as id and a name each")
    return ClassSpace(name, tuple(id for id, _ in good), tuple(label for _, label in good))


def _text_ids(file: CocoFile) -> UserError:
    texts = [
        (number, item["image_id"])
        for number, item in enumerate(file.annotations, start=1)
        if isinstance(item, dict) and isinstance(item.get("image_id"), str)
    ]
    number, text = texts[0]
    return UserError(
        f"{file.path}: {len(texts)} of {len(file.annotations)} annotations have text as image_id, first annotation "
        f"{number} with {text[:30]!r}; expected the whole number that is the image's id. Write image_id without quotes"
    )


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return kinds.get(type(value), "null")
