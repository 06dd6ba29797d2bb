"""Read BDD100K: boxes of its 100k photographs, label maps and instance masks of its 10k."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.contract import Classes, ClassSpace, Instances, LabelMap, Parameters, Photograph, Truth
from bench.errors import ImageError, UserError
from bench.io.files import key_of, sha256_of
from bench.io.images import list_images, read_bitmask, read_image, read_label_map, size_of_image
from synth.sources.findings import Finding
from synth.sources.label_maps import check_label_map
from synth.sources.ledger import Fate, object_fates
from synth.sources.reading import AbsentError, check_names, check_root, escapes, parameter, parse_size, stem_of, words
from synth.sources.scalabel import (
    Frame,
    bdd_classes,
    boxes_of,
    count_objects,
    fates_of_boxes,
    fates_of_masks,
    flat_boxes,
    masks_of,
    read_frames,
)

KINDS = ("det_20", "sem_seg", "ins_seg")

SEMANTIC = ClassSpace(
    "cityscapes",
    tuple(range(19)),
    (
        *("road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign"),
        *("vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle"),
    ),
)
"""BDD100K's semantic classes: the train ids of Cityscapes."""

_EXPECTED = "the official layout: images/100k/val with labels/det_20/det_val.json, images/10k/val with labels/sem_seg"
_LEGACY_SUFFIX = "_train_id"


@dataclass(frozen=True)
class BddImage:
    """One photograph and the places of its labels.

    Attributes:
        image: The image file.
        frame: Its boxes and facts.
        semantic: The file of its label map, if label maps are wanted.
        bitmask: The file of its instance masks, if they are wanted.
    """

    image: Path
    frame: Frame
    semantic: Path | None = None
    bitmask: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """List the files of the photograph."""
        return tuple(path for path in (self.image, self.semantic, self.bitmask) if path is not None)


@dataclass(frozen=True)
class BddSource:
    """Photographs of BDD100K; see :func:`open_bdd`.

    Attributes:
        items: Photographs by id, the stem of the file name.
        image_size: (height, width) that every photograph must have; None for any.
        inclusive: Whether a box's x2, y2 are its last pixels.
        unpaired: Stems of images without labels and of labels without image.
        maps: The files of all label maps by stem, if they are wanted.
    """

    name: str
    classes: Classes
    items: Mapping[str, BddImage]
    image_size: tuple[int, int] | None
    inclusive: bool
    unpaired: Sequence[str]
    maps: Mapping[str, Path] = field(default_factory=dict)

    @property
    def ids(self) -> Sequence[str]:
        """List the ids: the stems of the file names."""
        return tuple(self.items)

    def size(self, id: str, /) -> tuple[int, int] | None:
        """Read (height, width) of one image from its header."""
        return size_of_image(self.items[id].image)

    def attributes(self, id: str, /) -> Mapping[str, str]:
        """Look up weather, scene and time of day of one image."""
        return self.items[id].frame.attributes

    def objects(self, id: str, /) -> int:
        """Count the objects of one image that have a box in the label file."""
        return sum(isinstance(label, dict) and "box2d" in label for label in self.items[id].frame.labels)

    def identity(self, id: str, /) -> str:
        """Digest the files and the boxes of one image; empty if a file is absent."""
        item = self.items[id]
        if escapes(item.frame.name) or not all(path.is_file() for path in item.files):
            return ""
        return key_of([sha256_of(path) for path in item.files], item.frame.labels, dict(item.frame.attributes))

    def fates(self, ids: Collection[str], /) -> Mapping[Fate, int]:
        """Count all labelled objects by what becomes of them in a run of these images; the sum is exact.

        Objects in bitmasks are counted in these images alone: each has to be decoded.
        """
        if self.classes.instances is None:
            return {}
        masked = any(item.bitmask is not None for item in self.items.values())
        counts = {id: 0 if masked else count_objects(item.frame.labels) for id, item in self.items.items()}
        return object_fates(counts, self._fates_in, ids)

    def label_maps(self) -> Mapping[str, Path]:
        """List the files of all label maps by stem, those of no image among them; none if they are not wanted."""
        return self.maps

    def audit(self) -> Iterator[Finding]:
        """Name images and labels without partner, frames whose labels are null, boxes without area."""
        for id in self.unpaired:
            lacks = "file is absent" if id in self.items else "image without labels, or labels without image"
            yield Finding("unpaired", id, lacks)
        for id, item in self.items.items():
            if item.frame.unlabelled:
                yield Finding("labels null", id, "read as an image without objects")
            if flat := flat_boxes(item.frame.labels):
                fate = "read as one pixel wide or high" if self.inclusive else "left out"
                yield Finding("zero area", id, f"{flat} boxes without area are {fate}")

    def load(self, id: str, /) -> Photograph:
        """Decode one photograph and its labels.

        Raises:
            ImageError: The image or one of its labels is absent or unusable, or the image is not of the expected
                size (transposed copies exist, and boxes do not fit them).
        """
        item = self.items[id]
        if escapes(item.frame.name):
            raise ImageError(f"image {id!r}: the label file names {item.frame.name!r}, no file below the images")
        image = read_image(item.image)
        size = (image.shape[0], image.shape[1])
        if self.image_size is not None and self.image_size != size:
            height, width = self.image_size
            raise ImageError(
                f"{item.image}: expected {width}x{height} pixels as BDD100K has them, found {size[1]}x{size[0]}. "
                "If the labels fit, set image_size = any among the source's parameters"
            )
        label_map = None if item.semantic is None else self._label_map(item.semantic, size)
        return Photograph(
            id, image, None, Truth(size, self._instances(item, size), label_map), None, dict(item.frame.attributes)
        )

    def _fates_in(self, id: str) -> Mapping[Fate, int]:
        item = self.items[id]
        assert self.classes.instances is not None  # noqa: S101 - for mypy
        if item.bitmask is not None:
            return fates_of_masks(read_bitmask(item.bitmask))
        return fates_of_boxes(item.frame.labels, self.classes.instances, self.inclusive, str(item.image))

    def _instances(self, item: BddImage, size: tuple[int, int]) -> Instances | None:
        if self.classes.instances is None:
            return None
        if item.bitmask is not None:
            return masks_of(read_bitmask(item.bitmask, size), self.classes.instances, str(item.bitmask))
        return boxes_of(item.frame.labels, self.classes.instances, self.inclusive, str(item.image))

    def _label_map(self, path: Path, size: tuple[int, int]) -> LabelMap:
        return check_label_map(read_label_map(path, size), SEMANTIC, (), str(path))


def open_bdd(root: Path | None, parameters: Parameters) -> BddSource:
    """Open BDD100K in its official layout, of 2018 or of 2020.

    Args:
        root: The folder that holds ``images`` and ``labels`` (or ``bdd100k``, or ``seg``, with these inside).
        parameters: ``labels``: ``det_20`` (default; boxes on the 100k images), ``sem_seg``, ``ins_seg`` or both of
            these (masks on the 10k images). ``split`` (``val``). ``annotations``, a Scalabel file below the root, if
            the boxes are elsewhere; with masks, a file whose attributes describe the images. ``classes``: ``bdd``
            or ``coco8``, the classes that a COCO model can find. ``inclusive`` (true: x2, y2 are pixels, as in the
            official conversion). ``image_size`` (``1280x720``; ``any`` to accept all).

    Raises:
        UserError: A folder or label file is absent or is something else, or no image has labels.
    """
    known = ("labels", "split", "annotations", "classes", "inclusive", "image_size")
    check_names(parameters, known, "bdd")
    folder = check_root(root, "bdd", _EXPECTED)
    folder = folder / "bdd100k" if (folder / "bdd100k").is_dir() else folder
    kinds = words(parameters, "labels", ("det_20",))
    choice = parameter(parameters, "classes", "bdd")
    if not set(kinds) <= set(KINDS) or ("det_20" in kinds and len(kinds) > 1) or choice not in ("bdd", "coco8"):
        raise UserError(
            f"bdd: expected labels det_20, sem_seg, ins_seg or both of the latter, and classes bdd or coco8; "
            f"got {', '.join(kinds)} and {choice}"
        )
    split = parameter(parameters, "split", "val")
    annotations = parameter(parameters, "annotations", "")
    items, unpaired, maps = (
        _boxed(folder, split, annotations) if "det_20" in kinds else _masked(folder, split, kinds, annotations)
    )
    wanted = parse_size(parameter(parameters, "image_size", "1280x720"))
    has_objects = "det_20" in kinds or "ins_seg" in kinds
    classes = Classes(
        instances=bdd_classes("ins_seg" in kinds, choice == "coco8") if has_objects else None,
        labels=SEMANTIC if "sem_seg" in kinds else None,
    )
    inclusive = parameter(parameters, "inclusive", True)
    return BddSource("bdd", classes, items, wanted[::-1] if wanted else None, inclusive, unpaired, maps)


_Found = tuple[dict[str, BddImage], list[str], Mapping[str, Path]]
"""Photographs by id, stems without partner, all label maps by stem."""


def _boxed(root: Path, split: str, given: str) -> _Found:
    names = [f"labels/det_20/det_{split}.json", f"labels/bdd100k_labels_images_{split}.json"]
    path = _first([root / name for name in ([given] if given else names)], "label file")
    images = _first([root / f"images/100k/{split}", root / f"images/{split}", root / split], "folder of images")
    items: dict[str, BddImage] = {}
    for frame in read_frames(path):
        if (id := stem_of(frame.name)) in items:
            raise UserError(f"{path}: {items[id].frame.name!r} and {frame.name!r} share a stem; rename one of them")
        items[id] = BddImage(images / frame.name, frame)
    there = _stems(images)
    if not there.keys() & items.keys():
        raise UserError(f"{path} names {len(items)} images, none of which is in {images}. Expected {_EXPECTED}")
    return items, sorted(there.keys() ^ items.keys()), {}


def _masked(root: Path, split: str, kinds: Sequence[str], given: str) -> _Found:
    images = _stems(_first([root / f"images/10k/{split}", root / f"seg/images/{split}"], "folder of images"))
    folders: dict[str, dict[str, Path]] = {}
    for kind in kinds:
        places = [root / f"labels/{kind}/{'masks' if kind == 'sem_seg' else 'bitmasks'}/{split}"]
        places += [root / f"seg/labels/{split}"] if kind == "sem_seg" else []
        masks = _stems(_first(places, "folder of masks"))
        folders[kind] = {stem.removesuffix(_LEGACY_SUFFIX): mask for stem, mask in masks.items()}
    facts = {frame.name: frame for frame in read_frames(root / given)} if given else {}
    paired = [id for id in images if all(id in masks for masks in folders.values())]
    if not paired:
        raise UserError(f"{root}: no image of {split} has a mask. Expected {_EXPECTED}")
    items: dict[str, BddImage] = {}
    for id in paired:
        path = images[id]
        frame = facts.get(path.name, Frame(path.name, {}, (), False))
        items[id] = BddImage(path, frame, folders.get("sem_seg", {}).get(id), folders.get("ins_seg", {}).get(id))
    everything = set(images).union(*folders.values())
    return items, sorted(everything - set(paired)), folders.get("sem_seg", {})


def _stems(folder: Path) -> dict[str, Path]:
    try:
        return list_images(folder)
    except ImageError as error:
        raise UserError(f"{error}. Expected {_EXPECTED}") from error


def _first(places: Sequence[Path], what: str) -> Path:
    for place in places:
        if place.exists():
            return place
    looked = " or ".join(str(place) for place in places)
    raise AbsentError(f"bdd: no {what} {looked}. Expected {_EXPECTED}")
