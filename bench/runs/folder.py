"""Read and write a run folder: restored images, evidence, card. Every file is written whole and holds its key.

::

    data/<dataset>/                           rainy, clean, labels, manifest (see synth/datasets/build.py)
    restored/<dataset>/<derainer>/<id>.png    the only hand-over between derainers and tasks
    evidence/<dataset>/<derainer>/<task>/<id>.json or .png
    evidence/<dataset>/<derainer>/<task>.json all detections as one COCO results file
    records.csv per_image.csv failures.csv timings.csv card.json tables/<dataset>.csv
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import numpy as np

from bench.contract import Detections, Evidence, Image, LabelMap
from bench.errors import ImageError
from bench.io.files import atomic, key_of, safe_name, write_text
from bench.io.images import png_key, read_image, read_label_map, write_png
from bench.runs.evidence import coco_results, detections_of
from bench.runs.rows import Row

Value = TypeVar("Value")

LOG, BUILD_LOG, TRAIN_LOG = "run.log", "build.log", "train.log"
"""Names of the logs. They tell of every start, so they differ between equal runs and have no digest."""
_SEAL = " pixels:"
"""Between a PNG's key and the digest of its pixels."""


class LazyMapping(Mapping[str, Value]):
    """A mapping whose values are read when asked for and not kept."""

    def __init__(self, ids: Sequence[str], load: Callable[[str], Value]) -> None:
        """``load`` gives the value of an id."""
        self._ids = tuple(ids)
        self._load = load

    def __getitem__(self, name: str) -> Value:
        """Read one value."""
        return self._load(name)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the ids in order."""
        return iter(self._ids)

    def __len__(self) -> int:
        """Count the ids."""
        return len(self._ids)


@dataclass(frozen=True)
class RunStore:
    """Reads and writes one run folder."""

    root: Path

    def data_folder(self, dataset: str) -> Path:
        """Return the folder of a dataset."""
        return self.root / "data" / safe_name(dataset)

    def restored_path(self, row: Row, image_id: str) -> Path:
        """Return the path of one restored image."""
        return self.root / "restored" / safe_name(row.dataset) / safe_name(row.derainer) / f"{safe_name(image_id)}.png"

    def evidence_folder(self, row: Row) -> Path:
        """Return the folder of a row's evidence, one file an image."""
        return self.root / "evidence" / safe_name(row.dataset) / safe_name(row.derainer) / safe_name(row.task)

    def key(self, row: Row, image_id: str) -> str:
        """Read the key of what is stored for one image of a row; empty if nothing is."""
        if not row.task:
            return _sealed(self.restored_path(row, image_id))[0]
        stem = self.evidence_folder(row) / safe_name(image_id)
        return _sealed(stem.with_name(stem.name + ".png"))[0] or _json_key(stem.with_name(stem.name + ".json"))

    def write_restored(self, row: Row, image_id: str, image: Image, key: str) -> None:
        """Write one restored image with its key."""
        write_png(self.restored_path(row, image_id), image, _seal(key, image))

    def read_restored(self, row: Row, image_id: str) -> Image:
        """Read one restored image.

        Raises:
            ImageError: It is absent, damaged, or not the image that was written.
        """
        path = self.restored_path(row, image_id)
        image = read_image(path)
        _check_seal(path, image)
        return image

    def remove_restored(self, row: Row, image_id: str) -> None:
        """Delete one restored image that cannot be used."""
        self.restored_path(row, image_id).unlink(missing_ok=True)

    def write_evidence(self, row: Row, image_id: str, evidence: Evidence, key: str) -> None:
        """Write the evidence of one image: a label map as PNG, all else as JSON."""
        stem = self.evidence_folder(row) / safe_name(image_id)
        if isinstance(evidence, np.ndarray):
            write_png(stem.with_name(stem.name + ".png"), evidence, _seal(key, evidence))
            return
        content = (
            {"detections": coco_results(evidence)}
            if isinstance(evidence, Detections)
            else {"qualities": {name: repr(float(value)) for name, value in evidence.items()}}
        )
        sealed = {"key": key, "digest": key_of(key, content), **content}
        write_text(stem.with_name(stem.name + ".json"), json.dumps(sealed) + "\n")

    def read_evidence(self, row: Row, image_id: str) -> Evidence:
        """Read the evidence of one image, exactly as it was written."""
        stem = self.evidence_folder(row) / safe_name(image_id)
        path = stem.with_name(stem.name + ".json")
        if not path.exists():
            path = stem.with_name(stem.name + ".png")
            labels = read_label_map(path)
            _check_seal(path, labels)
            return labels
        content = _read_json(path)
        if "detections" in content:
            return detections_of(content["detections"], path)
        qualities = content.get("qualities")
        if not isinstance(qualities, dict):
            raise ImageError(f"{path}: expected detections or qualities, found {sorted(content)}")
        try:
            return {name: float(value) for name, value in qualities.items()}
        except (TypeError, ValueError, OverflowError) as error:
            raise ImageError(f"{path}: a quality is no number ({error}); delete the file and run again") from error

    def write_detections(self, row: Row, image_ids: Mapping[str, int]) -> None:
        """Join a row's detections to one COCO results file; rows of other evidence have none.

        Args:
            row: Dataset, derainer and task.
            image_ids: Image to its number in COCO files.
        """
        if not all(isinstance(self.read_evidence(row, name), Detections) for name in list(image_ids)[:1]):
            return
        folder = self.evidence_folder(row)
        with atomic(folder.with_name(folder.name + ".json")) as path, path.open("w", encoding="utf-8") as file:
            file.write("[")  # image by image: the whole would be the largest thing in memory
            between = ""
            for name, number in image_ids.items():
                evidence = self.read_evidence(row, name)
                if not isinstance(evidence, Detections):
                    raise ImageError(f"{folder / safe_name(name)}: expected detections, as of the row's other images")
                for result in coco_results(evidence):
                    file.write(between + json.dumps({"image_id": number, **result}))
                    between = ", "
            file.write("]\n")


def _read_json(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ImageError(f"{path}: damaged ({error}); delete the file and run again") from error
    if not isinstance(content, dict):
        raise ImageError(f"{path}: expected a JSON object, found {type(content).__name__}")
    return content


def _json_key(path: Path) -> str:
    """Read the key of evidence; empty if the evidence is not what was written under that key."""
    try:
        content = _read_json(path)
    except ImageError:
        return ""
    key, digest = str(content.pop("key", "")), content.pop("digest", None)
    return key if digest in (None, key_of(key, content)) else ""


def _seal(key: str, pixels: Image | LabelMap) -> str:
    """Join a key and the digest of the pixels made under it to the text kept in a PNG."""
    return f"{key}{_SEAL}{sha256(pixels.tobytes()).hexdigest()}"


def _sealed(path: Path) -> tuple[str, str]:
    """Read the key and the digest in a PNG; empty where there is none."""
    key, _, digest = png_key(path).partition(_SEAL)
    return key, digest


def _check_seal(path: Path, pixels: Image | LabelMap) -> None:
    digest = _sealed(path)[1]
    if digest and digest != sha256(pixels.tobytes()).hexdigest():
        raise ImageError(f"{path}: its pixels were changed after they were written")
