"""Read and write the rows of finished images: a JSON file each, the manifest (CSV), the COCO instances file."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from bench.contract import Classes, Image, LabelMap
from bench.errors import UserError
from bench.io.files import atomic, key_of, safe_name

_JSON_COLUMNS = ("rain", "attributes")


@dataclass(frozen=True)
class ManifestRow:
    """One finished image of a dataset: a line of ``manifest.csv``.

    Attributes:
        id: The image's id.
        image_id: Its number in COCO files; NO_NUMBER until the dataset is finished, for sources without numbers.
        height: Pixels.
        width: Pixels.
        key: Digest of all that the image was made from.
        source: What the source says to identify photograph and labels (a digest of the files).
        rain: What the renderer recorded: enough to make the same rain again.
        attributes: Facts to slice results by.
        rainy_sha256: Digest of the decoded pixels, row by row, red green blue.
        clean_sha256: The same of the clean image; empty for real rain.
        label_map_sha256: The same of the label map; empty where there is none.
        instances_sha256: Digest of the objects' annotations; empty where there are none.
    """

    id: str
    image_id: int
    height: int
    width: int
    key: str
    source: str
    rain: Mapping[str, Any]
    attributes: Mapping[str, str]
    rainy_sha256: str
    clean_sha256: str
    label_map_sha256: str
    instances_sha256: str

    @property
    def digest(self) -> str:
        """Digest of everything that belongs to the image: pixels of both, and labels.

        Not its number, which for most sources is its place among the others.
        """
        return key_of(self.id, self.rainy_sha256, self.clean_sha256, self.label_map_sha256, self.instances_sha256)


def pixels_sha256(pixels: Image | LabelMap) -> str:
    """Compute the SHA-256 of an image's pixels, which does not depend on how a file packs them."""
    return hashlib.sha256(pixels.tobytes()).hexdigest()


def row_text(row: ManifestRow, annotations: Sequence[Mapping[str, object]] | None) -> str:
    """Write one finished image and its objects as JSON text."""
    return _sorted_json({**asdict(row), "annotations": annotations}) + "\n"


def read_row(path: Path) -> tuple[ManifestRow, list[dict[str, object]] | None] | None:
    """Read the JSON of one finished image; None if the file is absent or damaged."""
    try:
        content = json.loads(path.read_bytes())
        annotations = content.pop("annotations")
        return ManifestRow(**content), annotations
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def manifest_text(rows: Iterable[ManifestRow]) -> str:
    """Write the manifest as CSV text with one line an image."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [field.name for field in fields(ManifestRow)]
    writer.writerow(names)
    for row in rows:
        values = asdict(row)
        for name in _JSON_COLUMNS:
            values[name] = json.dumps(values[name], sort_keys=True, ensure_ascii=False)
        writer.writerow([values[name] for name in names])
    return out.getvalue()


def read_manifest(path: Path) -> list[ManifestRow]:
    """Read the manifest of a dataset.

    Raises:
        UserError: The file is absent or is no manifest.
    """
    rows: list[ManifestRow] = []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for line in csv.DictReader(file):
                values: dict[str, Any] = dict(line)
                values |= {name: json.loads(values[name]) for name in _JSON_COLUMNS}
                values |= {name: int(values[name]) for name in ("image_id", "height", "width")}
                rows.append(ManifestRow(**values))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such manifest; build the dataset first") from error
    except (ValueError, TypeError, KeyError, RecursionError, csv.Error) as error:
        raise UserError(f"{path}: not the manifest of a dataset ({error}); build the dataset again") from error
    return rows


def mapped_pixels(rows: Iterable[ManifestRow]) -> int:
    """Count the pixels of the label maps of these images."""
    return sum(row.height * row.width for row in rows if row.label_map_sha256)


def write_instances(path: Path, rows: Sequence[ManifestRow], labels: Mapping[str, str], classes: Classes) -> int:
    """Write the objects of a dataset as a COCO instances file, image by image.

    The objects keep the numbers of the source if every one has its own; else they are counted from 1, because
    pycocotools takes an object with number 0 for none.

    Args:
        path: The file.
        rows: Every image.
        labels: Image to its annotations as JSON text, since those of all images are large.
        classes: Of the dataset.

    Returns:
        How many objects there are.
    """
    numbers = [annotation["id"] for text in labels.values() for annotation in json.loads(text)]
    keep = 0 not in numbers and len(set(numbers)) == len(numbers)
    labelled = [row for row in rows if row.id in labels]
    images = [
        {"id": row.image_id, "file_name": f"{safe_name(row.id)}.png", "height": row.height, "width": row.width}
        for row in labelled
    ]
    space = classes.instances
    categories = [{"id": id, "name": name} for id, name in zip(space.ids, space.names, strict=True)] if space else []
    written = 0
    with atomic(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"annotations": [')
        for row in labelled:
            for annotation in json.loads(labels[row.id]):
                number = annotation["id"] if keep else written + 1
                file.write(", " if written else "")
                file.write(_sorted_json({**annotation, "id": number, "image_id": row.image_id}))
                written += 1
        rest = {"categories": categories, "images": images, "info": {}, "licenses": []}
        file.write("], " + _sorted_json(rest)[1:] + "\n")
    return written


def _sorted_json(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
