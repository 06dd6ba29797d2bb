"""Reader of COCO folders: photographs and an instances JSON, optionally with semantic label maps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.contract import Classes, ClassSpace, Parameters, Photograph, Truth
from bench.errors import ImageError, UserError
from bench.io.files import key_of, read_json, sha256_of
from bench.io.images import IMAGE_SUFFIXES, read_image
from synth.sources.annotations import Annotations, Json, read_annotations
from synth.sources.findings import Finding
from synth.sources.panoptic import SemanticMaps, open_semantic
from synth.sources.reading import check_names, check_root, escapes, parameter, stem_of

_EXPECTED = "the official layout: val2017/*.jpg and annotations/instances_val2017.json"


@dataclass(frozen=True)
class Record:
    """One image of an instances JSON.

    Attributes:
        image_id: COCO's number.
        path: The image file.
        size: (height, width) as the JSON says.
        annotations: The image's annotation objects, unchecked.
        fault: Why the image cannot be used, as far as its record tells; empty for none.
    """

    image_id: int
    path: Path
    size: tuple[int, int]
    annotations: Sequence[object]
    fault: str = ""


@dataclass(frozen=True)
class CocoSource:
    """Photographs with COCO instance labels; see :func:`open_coco`.

    Attributes:
        folder: The folder of images.
        records: The images by id.
        semantic: Where label maps come from, if they are wanted.
        orphans: How many annotations belong to images that the JSON does not list.
    """

    name: str
    classes: Classes
    folder: Path
    records: Mapping[str, Record]
    semantic: SemanticMaps | None = None
    orphans: int = 0

    @property
    def ids(self) -> Sequence[str]:
        """The file names without suffix, in the order of the JSON."""
        return tuple(self.records)

    def size(self, id: str, /) -> tuple[int, int] | None:
        """(height, width) as the JSON says; None where it says nothing sensible."""
        record = self.records[id]
        return None if record.fault else record.size

    def image_id(self, id: str, /) -> int:
        """COCO's number of an image."""
        return self.records[id].image_id

    def annotation_ids(self, id: str, /) -> Sequence[int]:
        """COCO's numbers of an image's objects."""
        return self.annotations(id).ids

    def attributes(self, id: str, /) -> Mapping[str, str]:
        """COCO knows no facts about its photographs."""
        return {}

    def objects(self, id: str, /) -> int:
        """How many objects are labelled, crowds not counted."""
        return sum(not (isinstance(item, dict) and item.get("iscrowd")) for item in self.records[id].annotations)

    def annotations(self, id: str) -> Annotations:
        """The checked annotations of an image.

        Raises:
            ImageError: The record or one of its annotations is wrong.
        """
        record = self.records[id]
        if record.fault:
            raise ImageError(f"image {id!r}: {record.fault}")
        assert self.classes.instances is not None  # noqa: S101 - for mypy
        known = frozenset(self.classes.instances.ids)
        return read_annotations(record.annotations, record.size, known, str(record.path))

    def identity(self, id: str, /) -> str:
        """Digest of the image file, its annotations and its label map's file; empty if a file is absent."""
        record = self.records[id]
        if record.fault or not record.path.is_file():
            return ""
        files = [record.path] if self.semantic is None else [record.path, self.semantic.path(id, record.image_id)]
        if not all(file.is_file() for file in files):
            return ""
        return key_of([sha256_of(file) for file in files], record.size, record.annotations)

    def audit(self) -> Iterator[Finding]:
        """Extra files, annotations of no image, boxes without area."""
        listed = {record.path for record in self.records.values()}
        for path in sorted(self.folder.iterdir()):
            if path.suffix.lower() in IMAGE_SUFFIXES and path not in listed:
                yield Finding("extra file", path.name, "not in the label file; it is left out")
        if self.orphans:
            yield Finding("orphan annotation", "", f"{self.orphans} annotations of images that are not listed")
        for id in self.ids:
            try:
                dropped = self.annotations(id).dropped
            except ImageError:
                continue
            if dropped:
                yield Finding("zero area", id, f"{dropped} boxes without area are left out")

    def load(self, id: str, /) -> Photograph:
        """Decode a photograph and its labels.

        Raises:
            ImageError: The image, its record, its annotations or its label map are unusable.
        """
        instances = self.annotations(id).instances
        record = self.records[id]
        image = read_image(record.path, record.size)
        label_map = self.semantic.read(id, record.image_id, record.size) if self.semantic else None
        return Photograph(id, image, None, Truth(record.size, instances, label_map))


def open_coco(root: Path | None, parameters: Parameters) -> CocoSource:
    """Open a COCO folder in the official layout, or any folder with a COCO instances JSON.

    Args:
        root: The folder.
        parameters: ``split`` (``val2017``); ``annotations`` and ``images``, the JSON file and the folder of images
            below the root, if they are elsewhere; ``semantic``, a folder of panoptic id maps or a panoptic JSON;
            ``space``, the class space's name (``coco``); ``present`` (true: leave out images that are not there).

    Raises:
        UserError: The folder or the JSON is absent or is something else, or no image is there.
    """
    check_names(parameters, ("split", "annotations", "images", "semantic", "space", "present"), "coco")
    folder = check_root(root, "coco", _EXPECTED)
    split = parameter(parameters, "split", "val2017")
    path = _find_json(folder, split, parameter(parameters, "annotations", ""))
    content = _read_instances(path)
    place = _find_images(folder, split, parameter(parameters, "images", ""), content["images"], path)
    source = _source(content, path, place, parameter(parameters, "space", "coco"))
    if parameter(parameters, "present", False):
        source = replace(source, records={id: item for id, item in source.records.items() if item.path.is_file()})
    maps = parameter(parameters, "semantic", "")
    if not maps:
        return source
    semantic = open_semantic(folder / maps)
    return replace(source, semantic=semantic, classes=Classes(source.classes.instances, semantic.classes))


def list_coco(path: Path, folder: Path) -> CocoSource:
    """The photographs of an instances JSON, whether they are in their folder yet or not.

    Raises:
        UserError: The JSON is absent or is something else.
    """
    return _source(_read_instances(path), path, folder, "coco")


def _source(content: dict[str, list[object]], path: Path, folder: Path, space: str) -> CocoSource:
    classes = _class_space(content["categories"], space, path)
    grouped, orphans = _group(content["annotations"], content["images"])
    records = _records(content["images"], grouped, folder, path)
    return CocoSource("coco", Classes(classes), folder, records, orphans=orphans)


def _find_json(root: Path, split: str, given: str) -> Path:
    names = [given] if given else [f"annotations/instances_{split}.json", f"instances_{split}.json"]
    for name in names:
        if (root / name).is_file():
            return root / name
    raise UserError(
        f"{root}: no {' or '.join(names)}. Expected {_EXPECTED}; name another file with the source's "
        "parameters split or annotations"
    )


def _read_instances(path: Path) -> dict[str, list[object]]:
    content = read_json(path)
    parts = ("images", "annotations", "categories")
    if not isinstance(content, dict) or not all(isinstance(content.get(part), list) for part in parts):
        found = sorted(content) if isinstance(content, dict) else type(content).__name__
        raise UserError(f"{path}: expected a COCO file with lists of images, annotations and categories, found {found}")
    if not content["images"]:
        raise UserError(f"{path}: lists no images")
    return {part: content[part] for part in parts}


def _class_space(categories: Sequence[object], name: str, path: Path) -> ClassSpace:
    pairs = [(item.get("id"), item.get("name")) for item in categories if isinstance(item, dict)]
    good = [(id, label) for id, label in pairs if type(id) is int and isinstance(label, str)]
    if not good or len(good) != len(categories) or len({id for id, _ in good}) != len(good):
        raise UserError(f"{path}: expected categories with distinct whole numbers as id and a name each")
    return ClassSpace(name, tuple(id for id, _ in good), tuple(label for _, label in good))


def _find_images(root: Path, split: str, given: str, images: Sequence[object], path: Path) -> Path:
    places = [root / given] if given else [root / split, root / "images" / split, root / "images", root]
    names = [item["file_name"] for item in images if isinstance(item, dict) and isinstance(item.get("file_name"), str)]
    safe = [name for name in names if not escapes(name)]
    for place in places:
        if any((place / name).is_file() for name in safe):
            return place
    looked = ", ".join(str(place) for place in places)
    raise UserError(f"{path} lists {len(images)} images, none of which is in {looked}. Expected {_EXPECTED}")


def _group(annotations: Sequence[object], images: Sequence[object]) -> tuple[dict[int, list[object]], int]:
    """Annotations by image id, and how many belong to no listed image."""
    grouped: dict[int, list[object]] = {}
    for image in images:
        if isinstance(image, dict) and type(image.get("id")) is int:
            grouped[image["id"]] = []
    orphans = 0
    for annotation in annotations:
        image_id = annotation.get("image_id") if isinstance(annotation, dict) else None
        if type(image_id) is int and image_id in grouped:
            grouped[image_id].append(annotation)
        else:
            orphans += 1
    return grouped, orphans


def _records(
    images: Sequence[object], annotations: Mapping[int, Sequence[object]], place: Path, path: Path
) -> dict[str, Record]:
    records: dict[str, Record] = {}
    numbers: set[int] = set()
    for position, image in enumerate(images, start=1):
        if not isinstance(image, dict) or not isinstance(image.get("file_name"), str) or not image["file_name"]:
            raise UserError(f"{path}: image {position} has no file_name")
        name: str = image["file_name"]
        id = stem_of(name)
        if id in records:
            raise UserError(f"{path}: two images are called {id!r}; expected distinct file names")
        fault = _fault(image, name, numbers)
        if fault:
            records[id] = Record(0, place, (0, 0), (), fault)
            continue
        numbers.add(image["id"])
        size = (image["height"], image["width"])
        records[id] = Record(image["id"], place / name, size, annotations[image["id"]])
    return records


def _fault(image: Json, name: str, numbers: set[int]) -> str:
    if escapes(name):
        return f"the label file names {name!r}, which is not a file below the folder of images"
    if type(image.get("id")) is not int or not 0 <= image["id"] < 2**53:
        return f"expected a whole number as image id, found {str(image.get('id'))[:30]!r}"
    if image["id"] in numbers:
        return f"image id {image['id']} is used twice in the label file"
    if not all(type(image.get(side)) is int and 0 < image[side] < 10**5 for side in ("height", "width")):
        return f"impossible size {image.get('width')!r}x{image.get('height')!r} in the label file"
    return ""
