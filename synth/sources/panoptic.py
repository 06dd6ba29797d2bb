"""Read semantic label maps that go with COCO photographs: a folder of id maps, or official panoptic files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from bench.contract import UNLABELLED, ClassSpace, LabelMap
from bench.errors import ImageError, UserError
from bench.io.files import read_json
from bench.io.images import read_image, read_label_map
from synth.sources.label_maps import check_label_map
from synth.sources.reading import escapes, read_classes

PANOPTIC_CLASSES = Path(__file__).with_name("coco_panoptic.csv")
"""The 133 categories of COCO's panoptic task: 80 things with their usual ids, 53 kinds of stuff."""

_NOTHING = 0


class SemanticMaps(Protocol):
    """Label maps of COCO photographs, wherever they come from."""

    @property
    def folder(self) -> Path:
        """The folder of the label maps' files."""
        ...

    @property
    def classes(self) -> ClassSpace:
        """The classes of the label maps."""
        ...

    def path(self, stem: str, image_id: int) -> Path:
        """Find the file of one image's label map."""
        ...

    def read(self, stem: str, image_id: int, size: tuple[int, int]) -> LabelMap:
        """Decode one image's label map; raise ImageError when it is absent or wrong."""
        ...


@dataclass(frozen=True)
class IdMaps:
    """A folder of PNGs named like the images, each pixel a panoptic category id, 0 for nothing."""

    folder: Path
    classes: ClassSpace

    def path(self, stem: str, image_id: int) -> Path:
        """Find the file of one image's label map."""
        return self.folder / f"{stem}.png"

    def read(self, stem: str, image_id: int, size: tuple[int, int]) -> LabelMap:
        """Decode one image's label map; raise ImageError when it is absent or wrong."""
        path = self.path(stem, image_id)
        return check_label_map(read_label_map(path, size), self.classes, {_NOTHING}, str(path))


@dataclass(frozen=True)
class PanopticMaps:
    """Official panoptic files: colours are segment numbers, which the JSON file gives a category.

    Attributes:
        folder: The PNGs.
        classes: The categories of the JSON file.
        segments: By image id: the PNG's name, and the category of each segment.
    """

    folder: Path
    classes: ClassSpace
    segments: Mapping[int, tuple[str, Mapping[int, int]]]

    def path(self, stem: str, image_id: int) -> Path:
        """Find the file of one image's label map."""
        name = self.segments.get(image_id, (f"{stem}.png", {}))[0]
        if escapes(name):
            raise ImageError(f"image {stem}: the panoptic label file's name {name!r} leaves its folder")
        return self.folder / name

    def read(self, stem: str, image_id: int, size: tuple[int, int]) -> LabelMap:
        """Decode one image's label map; raise ImageError when it is absent or wrong."""
        path = self.path(stem, image_id)
        if image_id not in self.segments:
            raise ImageError(f"image {stem}: not in the panoptic label file")
        colours = read_image(path, size).astype(np.int64) @ np.array([1, 256, 256**2])
        numbers, places = np.unique(colours, return_inverse=True)
        categories = {_NOTHING: UNLABELLED, **self.segments[image_id][1]}
        unknown = [number for number in numbers.tolist() if number not in categories]
        if unknown:
            raise ImageError(f"{path}: segments {unknown[:5]} are not in the panoptic label file")
        labels = np.array([categories[number] for number in numbers.tolist()], dtype=np.uint8)[places.reshape(size)]
        return check_label_map(labels, self.classes, (), str(path))


def open_semantic(path: Path) -> SemanticMaps:
    """Open a folder of id maps, or a panoptic JSON file with its folder of PNGs beside it.

    Raises:
        UserError: Neither is there, or the JSON file is not a panoptic one.
    """
    if path.suffix == ".json":
        return _open_panoptic(path)
    if not path.is_dir():
        raise UserError(f"{path}: expected a folder of label maps (PNG, one category id a pixel) or a panoptic JSON")
    return IdMaps(path, read_classes(PANOPTIC_CLASSES, "coco-panoptic")[0])


def _open_panoptic(path: Path) -> PanopticMaps:
    content = read_json(path)
    folder = path.with_suffix("")
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; expected the PNGs that belong to {path.name}")
    try:
        if not isinstance(content, dict):
            raise TypeError("not an object")
        categories = {int(category["id"]): str(category["name"]) for category in content["categories"]}
        segments = {
            int(image["image_id"]): (
                str(image["file_name"]),
                {int(segment["id"]): int(segment["category_id"]) for segment in image["segments_info"]},
            )
            for image in content["annotations"]
        }
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not a COCO panoptic file ({type(error).__name__}: {error})") from error
    used = {category for _, labels in segments.values() for category in labels.values()}
    if not all(0 < number < UNLABELLED for number in set(categories) | used):
        raise UserError(f"{path}: expected category ids from 1 to {UNLABELLED - 1}")
    return PanopticMaps(folder, ClassSpace("coco-panoptic", tuple(categories), tuple(categories.values())), segments)
