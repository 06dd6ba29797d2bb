"""The data doctor: names every fault in a folder of photographs and labels before a benchmark stumbles on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from bench.contract import Image, Photograph
from bench.errors import ImageError, UserError
from bench.protocols import Source
from synth.sources.bdd import KINDS, open_bdd
from synth.sources.coco import open_coco
from synth.sources.findings import Audited, Finding
from synth.sources.folder import open_folder
from synth.sources.pairs import open_pairs
from synth.sources.reading import check_root

_TOLERANCE_PIXELS = 1.0


def examine(source: Source, after_image: Callable[[str], None] | None = None) -> Iterator[Finding]:
    """Decode every photograph of a source and name what is wrong with it.

    Args:
        source: An opened source.
        after_image: Called with each id when it is done, for a progress bar.

    Yields:
        The faults of the whole first, then image by image.
    """
    if isinstance(source, Audited):
        yield from source.audit()
    for id in source.ids:
        try:
            photograph = source.load(id)
        except ImageError as error:
            yield Finding("unusable", id, str(error))
        else:
            yield from _findings(photograph)
        if after_image is not None:
            after_image(id)


def sources_in(kind: Literal["coco", "bdd", "data"], root: Path) -> list[Source]:
    """Open everything that a folder offers in its official layout.

    Args:
        kind: ``coco`` (every split with an instances JSON), ``bdd`` (boxes, label maps, bitmasks of every split) or
            ``data`` (pairs, images with masks in ``<name>annot``, or images alone).
        root: The folder.

    Raises:
        UserError: There is nothing that could be opened; the message says what was expected.
    """
    check_root(root, kind, "a folder of photographs")
    if kind == "coco":
        return _coco_in(root)
    return _bdd_in(root) if kind == "bdd" else _data_in(root)


def _findings(photograph: Photograph) -> Iterator[Finding]:
    height, width = photograph.truth.size
    for image, what in ((photograph.clean, "clean"), (photograph.rainy, "rainy")):
        if image is None:
            continue
        if image.shape[:2] != (height, width):
            found = f"{image.shape[1]}x{image.shape[0]}"
            yield Finding("unusable", photograph.id, f"the {what} image is {found}, its labels {width}x{height}")
        if _is_grey(image):
            yield Finding("greyscale", photograph.id, f"the {what} image has no colour; it is read as RGB")
    instances = photograph.truth.instances
    if instances is None:
        return
    for number, (x1, y1, x2, y2) in enumerate(instances.boxes.tolist(), start=1):
        outside = min(x1, y1) < -_TOLERANCE_PIXELS or x2 > width + _TOLERANCE_PIXELS or y2 > height + _TOLERANCE_PIXELS
        if outside:
            box = f"{x1:g}, {y1:g}, {x2:g}, {y2:g}"
            yield Finding("box outside", photograph.id, f"object {number} ({box}) leaves the {width}x{height} image")


def _is_grey(image: Image) -> bool:
    return bool((image[..., 0] == image[..., 1]).all() and (image[..., 1] == image[..., 2]).all())


def _coco_in(root: Path) -> list[Source]:
    found = sorted({*root.glob("annotations/instances_*.json"), *root.glob("instances_*.json")})
    splits = [path.stem.removeprefix("instances_") for path in found]
    return [open_coco(root, {"split": split}) for split in splits or ["val2017"]]


def _bdd_in(root: Path) -> list[Source]:
    sources: list[Source] = []
    refusals: list[str] = []
    for split in ("train", "val"):
        for labels in KINDS:
            try:
                sources.append(open_bdd(root, {"split": split, "labels": labels}))
            except UserError as error:
                refusals.append(str(error))
    if not sources:
        raise UserError("; ".join(dict.fromkeys(refusals)))
    return sources


def _data_in(root: Path) -> list[Source]:
    masked = [folder.name for folder in sorted(root.iterdir()) if (root / f"{folder.name}annot").is_dir()]
    if masked:
        return [open_folder(root, {"images": name, "masks": f"{name}annot"}) for name in masked]
    try:
        return [open_pairs(root, {})]
    except UserError:
        return [open_folder(root, {})]
