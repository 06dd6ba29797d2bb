"""Read COCO folders: photographs and an instances JSON, optionally with semantic label maps."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from bench.contract import Classes, Parameters, Photograph, Truth
from bench.errors import ImageError, UserError
from bench.io.files import key_of, sha256_of
from bench.io.images import read_image
from synth.sources.annotations import Annotations, read_annotations, whole_number
from synth.sources.coco_audit import file_findings, object_findings
from synth.sources.coco_file import CocoFile, CocoImage, group_annotations, is_coco_file, list_records, read_coco_file
from synth.sources.file_names import ImageFiles
from synth.sources.findings import Finding
from synth.sources.ledger import Fate, object_fates
from synth.sources.panoptic import SemanticMaps, open_semantic
from synth.sources.reading import check_names, check_root, escapes, parameter

_SPLIT = "val2017"
_EXPECTED = "the official layout: val2017/*.jpg and annotations/instances_val2017.json"


@dataclass(frozen=True)
class CocoSource:
    """Photographs with COCO instance labels; see :func:`open_coco`.

    Attributes:
        folder: The folder of images.
        records: The images by id.
        semantic: Where label maps come from, if they are wanted.
        orphans: How many annotations belong to images that the JSON does not list.
        labelled: How many annotations the JSON has.
    """

    name: str
    classes: Classes
    folder: Path
    records: Mapping[str, CocoImage]
    semantic: SemanticMaps | None = None
    orphans: int = 0
    labelled: int = 0

    @cached_property
    def _files(self) -> ImageFiles:
        return ImageFiles(self.folder)

    @property
    def ids(self) -> Sequence[str]:
        """List the images' ids: file names without suffix, in the order of the JSON."""
        return tuple(self.records)

    def size(self, id: str, /) -> tuple[int, int] | None:
        """Look up (height, width) of one image in the JSON; None where it says nothing sensible."""
        record = self.records[id]
        return None if record.fault else record.size

    def image_id(self, id: str, /) -> int:
        """Look up COCO's number of one image."""
        return self.records[id].image_id

    def annotation_ids(self, id: str, /) -> Sequence[int]:
        """List COCO's numbers of one image's objects."""
        return self.annotations(id).ids

    def attributes(self, id: str, /) -> Mapping[str, str]:
        """Return no facts: COCO knows none about its photographs."""
        return {}

    def objects(self, id: str, /) -> int:
        """Count the labelled objects of one image, crowds not counted."""
        items = self.records[id].annotations
        return sum(not (isinstance(item, dict) and whole_number(item.get("iscrowd")) == 1) for item in items)

    def annotations(self, id: str) -> Annotations:
        """Check and convert the annotations of one image.

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
        """Digest one image's file, annotations and label map file; empty if a file is absent."""
        record = self.records[id]
        if record.fault or not record.path.is_file():
            return ""
        files = [record.path] if self.semantic is None else [record.path, self.semantic.path(id, record.image_id)]
        if not all(file.is_file() for file in files):
            return ""
        return key_of([sha256_of(file) for file in files], record.size, record.annotations)

    def fates(self, ids: Collection[str], /) -> Mapping[Fate, int]:
        """Count all labelled objects by what becomes of them in a run of these images; the sum is exact."""
        objects = {id: len(record.annotations) for id, record in self.records.items()}
        fates = object_fates(objects, lambda id: self.annotations(id).fates, ids)
        fates["orphan id"] += self.orphans
        fates["unusable image"] += self.labelled - fates.total()  # of faulty records, and of photographs not there
        return +fates

    def label_maps(self) -> Mapping[str, Path]:
        """List the files of all label maps by image id, those of no image among them; none if there are none."""
        if self.semantic is None:
            return {}
        found: dict[str, Path] = {}
        for id, record in self.records.items():
            with suppress(ImageError):
                found[id] = self.semantic.path(id, record.image_id)
        others = set(self.semantic.folder.glob("*.png")).difference(found.values())
        return found | {f"{path.parent}/{path.name}": path for path in others}

    def audit(self) -> Iterator[Finding]:
        """Name extra files, annotations of no image, objects without area or mask, labels that say nothing."""
        semantic = {self.semantic.folder} if self.semantic else set()
        yield from file_findings(self.folder, self.records, semantic)
        if self.orphans:
            yield Finding("orphan annotation", "", f"{self.orphans} annotations of images that are not listed")
        readable: dict[str, Annotations] = {}
        for id in self.ids:
            with suppress(ImageError):
                readable[id] = self.annotations(id)
        yield from object_findings(readable)

    def load(self, id: str, /) -> Photograph:
        """Decode one photograph and its labels.

        Raises:
            ImageError: The image, its record, its annotations or its label map are unusable.
        """
        instances = self.annotations(id).instances
        record = self.records[id]
        if not record.path.is_file() and (near := self._files.of_stem(record.path.relative_to(self.folder).as_posix())):
            raise ImageError(f"{record.path}: no such image; the nearest file is {near!r}")
        image = read_image(record.path, record.size)
        label_map = self.semantic.read(id, record.image_id, record.size) if self.semantic else None
        return Photograph(id, image, None, Truth(record.size, instances, label_map))


def open_coco(root: Path | None, parameters: Parameters) -> CocoSource:
    """Open a COCO folder in the official layout, or any folder with one COCO instances JSON.

    Args:
        root: The folder.
        parameters: ``split`` (``val2017``); ``annotations`` and ``images``, the JSON file and the folder of images
            below the root, if they are elsewhere (without these, the only COCO file of the folder will do);
            ``semantic``, a folder of panoptic id maps or a panoptic JSON; ``space``, the class space's name
            (``coco``); ``present`` (true: leave out images that are not there).

    Raises:
        UserError: The folder or the JSON is absent or is something else, or no image is there.
    """
    check_names(parameters, ("split", "annotations", "images", "semantic", "space", "present"), "coco")
    folder = check_root(root, "coco", _EXPECTED)
    file = read_coco_file(_find_json(folder, parameters), parameter(parameters, "space", "coco"))
    place = _find_images(folder, parameter(parameters, "split", _SPLIT), parameter(parameters, "images", ""), file)
    source = _source(file, place)
    if parameter(parameters, "present", False):
        source = replace(source, records={id: item for id, item in source.records.items() if item.path.is_file()})
    maps = parameter(parameters, "semantic", "")
    if not maps:
        return source
    semantic = open_semantic(folder / maps)
    return replace(source, semantic=semantic, classes=Classes(source.classes.instances, semantic.classes))


def list_coco(path: Path, folder: Path) -> CocoSource:
    """List the photographs of one instances JSON, whether they are in their folder yet or not.

    Raises:
        UserError: The JSON is absent or is something else.
    """
    return _source(read_coco_file(path, "coco"), folder)


def _source(file: CocoFile, folder: Path) -> CocoSource:
    grouped, orphans = group_annotations(file)
    records = list_records(file, grouped, folder)
    return CocoSource("coco", Classes(file.classes), folder, records, orphans=orphans, labelled=len(file.annotations))


def _find_json(root: Path, parameters: Parameters) -> Path:
    """Find the label file: the named one, that of the official layout, or the only COCO file of the folder."""
    given, split = parameter(parameters, "annotations", ""), parameter(parameters, "split", _SPLIT)
    names = [given] if given else [f"annotations/instances_{split}.json", f"instances_{split}.json"]
    for name in names:
        if (root / name).is_file():
            return root / name
    others = [] if given or "split" in parameters else coco_files(root)
    if len(others) == 1:
        return others[0]
    found = f"; it has {', '.join(path.relative_to(root).as_posix() for path in others[:6])}" if others else ""
    raise UserError(
        f"{root}: no {' or '.join(names)}{found}. Expected {_EXPECTED}, or one COCO file; name another in a suite "
        'file: parameters = { annotations = "FILE.json" }'
    )


def coco_files(root: Path) -> list[Path]:
    """List the COCO files directly in one folder and in its ``annotations``, whatever their names."""
    paths = sorted({*root.glob("*.json"), *root.glob("annotations/*.json")})
    return [path for path in paths if path.is_file() and is_coco_file(path)]


def _find_images(root: Path, split: str, given: str, file: CocoFile) -> Path:
    beside = [file.path.parent] if file.path.parent != root / "annotations" else []
    splits = dict.fromkeys((file.path.stem.removeprefix("instances_"), split))
    folders = [place / name for name in splits for place in (root, root / "images")]
    places = [root / given] if given else [*folders, root / "images", root, *beside]
    names = [image["file_name"] for image in file.images]
    safe = [name for name in names if not escapes(name)]
    for place in places:
        if any((place / name).is_file() for name in safe):
            return place
    files = [ImageFiles(place) for place in dict.fromkeys(places) if place.is_dir()]
    for found in files:
        if any(found.find(name) for name in names):
            return found.folder
    near = next((near for found in files if (near := found.nearest(names[0]))), "")
    hint = f", the nearest file is {near!r}" if near else ""
    raise UserError(
        f"{file.path} lists {len(names)} images, none of which is in {', '.join(map(str, places))}: the first is "
        f"{names[0][:200]!r}{hint}. Expected {_EXPECTED}"
    )
