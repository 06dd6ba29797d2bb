"""Open a finished benchmark dataset, and verify its files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.contract import Classes, ClassSpace, Failure, Image, LabelMap, Sample, Truth
from bench.errors import ImageError, UserError
from bench.io.files import read_json, safe_name
from bench.io.images import read_image, read_label_map
from synth.datasets.manifest import ManifestRow, pixels_sha256, read_manifest
from synth.sources.annotations import read_annotations

FORMAT = 1
"""Version of the folder's layout."""


@dataclass(frozen=True)
class FolderDataset:
    """A dataset in a folder; see :class:`bench.protocols.Dataset` and :mod:`synth.datasets.build`.

    Attributes:
        name: The dataset's name.
        folder: Where it is.
        classes: Its class spaces.
        rows: The manifest's lines by id.
        annotations: COCO annotation objects by id, for the images that have instance labels; as JSON texts, since
            all of them are kept while a run lasts.
    """

    name: str
    folder: Path
    classes: Classes
    rows: Mapping[str, ManifestRow]
    annotations: Mapping[str, Sequence[str]]

    @property
    def ids(self) -> Sequence[str]:
        """Every image of the dataset."""
        return tuple(self.rows)

    def digest(self, id: str, /) -> str:
        """Return the digest of one image's pixels and labels, from the manifest."""
        return self.rows[id].digest

    def size(self, id: str, /) -> tuple[int, int]:
        """Return (height, width) of one image, from the manifest."""
        return self.rows[id].height, self.rows[id].width

    def image_id(self, id: str, /) -> int:
        """Return the number of one image in COCO files."""
        return self.rows[id].image_id

    def attributes(self, id: str, /) -> Mapping[str, str]:
        """Facts about the image, from the manifest."""
        return self.rows[id].attributes

    def truth(self, id: str, /) -> Truth:
        """Read the labels of one image; a label map is decoded from disk now.

        Raises:
            ImageError: The label map is absent or has changed, or an annotation is damaged.
        """
        row = self.rows[id]
        size = (row.height, row.width)
        instances = None
        if id in self.annotations and self.classes.instances is not None:
            known = frozenset(self.classes.instances.ids)
            where = f"{self.folder / 'labels/instances.json'}: image {id!r}"
            records = [json.loads(text) for text in self.annotations[id]]
            instances = read_annotations(records, size, known, where).instances
        label_map = None
        if row.label_map_sha256:
            path = self.path("labels/semantic", id)
            label_map = read_label_map(path, size)
            _check(path, label_map, row.label_map_sha256)
        return Truth(size, instances, label_map)

    def load(self, id: str, /) -> Sample:
        """Decode an image, its clean original and its labels.

        Raises:
            ImageError: A file is absent, damaged or not the one in the manifest.
        """
        rainy, clean = self.image(id, "rainy"), self.image(id, "clean")
        if rainy is None:
            raise ImageError(f"{self.folder / 'manifest.csv'}: {id} has no rainy image; build the dataset again")
        return Sample(id, rainy, clean, self.truth(id), self.rows[id].attributes)

    def image(self, id: str, place: Literal["rainy", "clean"], /) -> Image | None:
        """Decode one of the two images alone; None where there is no clean one.

        Raises:
            ImageError: The file is absent, damaged or not the one in the manifest.
        """
        row = self.rows[id]
        digest = row.rainy_sha256 if place == "rainy" else row.clean_sha256
        return self._image(place, row, digest) if digest else None

    def path(self, place: str, id: str) -> Path:
        """Return the path of one file of an image; ``place`` is ``rainy``, ``clean`` or ``labels/semantic``."""
        return self.folder / place / f"{safe_name(id)}.png"

    def _image(self, place: str, row: ManifestRow, digest: str) -> Image:
        path = self.path(place, row.id)
        image = read_image(path, (row.height, row.width))
        _check(path, image, digest)
        return image


def open_dataset(folder: Path) -> FolderDataset:
    """Open a dataset that :func:`synth.datasets.build.open_builder` built.

    Raises:
        UserError: There is none in this folder, or it is damaged or unfinished.
    """
    if not (folder / "card.json").is_file():
        raise UserError(f"{folder}: no finished dataset (card.json is missing); build it first")
    card = read_json(folder / "card.json")
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise UserError(f"{folder / 'card.json'}: expected the card of a dataset of format {FORMAT}; build it again")
    rows = {row.id: row for row in read_manifest(folder / "manifest.csv")}
    try:
        classes = Classes(_space(card["classes"]["instances"]), _space(card["classes"]["labels"]))
        name = str(card["name"])
        annotations = {} if classes.instances is None else _annotations(folder / "labels/instances.json", rows)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{folder}: damaged card or labels ({error!r}); build the dataset again") from error
    return FolderDataset(name, folder, classes, rows, annotations)


def verify(dataset: FolderDataset) -> tuple[Failure, ...]:
    """Decode every file of a dataset, compare it with the manifest, and list what is wrong."""
    failures: list[Failure] = []
    for id in dataset.ids:
        try:
            dataset.load(id)
        except ImageError as error:
            failures.append(Failure(dataset.name, "", "", id, "render", str(error)))
    return tuple(failures)


def _space(value: Mapping[str, Sequence[object]] | None) -> ClassSpace | None:
    if value is None:
        return None
    ids = tuple(int(str(id)) for id in value["ids"])
    return ClassSpace(str(value["name"]), ids, tuple(str(name) for name in value["names"]))


@dataclass(frozen=True, slots=True)
class _Annotation:
    """One object of a COCO file, packed."""

    image: object
    text: str


def _packed(value: dict[str, Any]) -> object:
    return _Annotation(value["image_id"], json.dumps(value)) if "image_id" in value else value


def _annotations(path: Path, rows: Mapping[str, ManifestRow]) -> dict[str, Sequence[str]]:
    content = read_json(path, _packed)
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a COCO instances file; build the dataset again")
    listed = {image["id"] for image in content["images"]}
    found: dict[object, list[str]] = {number: [] for number in listed}
    for annotation in content["annotations"]:
        if not isinstance(annotation, _Annotation):
            raise TypeError("an annotation without image")
        found[annotation.image].append(annotation.text)
    return {row.id: found[row.image_id] for row in rows.values() if row.image_id in listed}


def _check(path: Path, pixels: Image | LabelMap, digest: str) -> None:
    if pixels_sha256(pixels) != digest:
        raise ImageError(f"{path}: its pixels are not those in the manifest; build the dataset again")
