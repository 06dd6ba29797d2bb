"""Name every fault in a folder of photographs and labels before a benchmark stumbles on it: the data doctor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.contract import Image, Photograph, Truth
from bench.errors import ImageError, UserError
from bench.io.images import left_out, list_images
from bench.protocols import Source
from synth.sources.bdd import KINDS, open_bdd
from synth.sources.census import Census
from synth.sources.coco import coco_files, open_coco
from synth.sources.findings import Audited, Finding
from synth.sources.folder import open_folder
from synth.sources.layouts.source import open_layout
from synth.sources.layouts.table import folders_by, kinds_of, layout_names
from synth.sources.ledger import Accounted, Mapped, excluded_line, pixel_fates
from synth.sources.pairs import PairSource, groups_of_rules, open_group, open_pairs
from synth.sources.reading import AbsentError, check_root
from synth.sources.side_by_side import clean_half

_TOLERANCE_PIXELS = 1.0
_TOLD_BY_A_SUITE = ("rid", "ris")
"""Layouts that are the same as ``voc`` but for their classes."""
_SETS_OF_HALVES = {"left half": "rain800", "right half": "rain1200"}


@dataclass(frozen=True)
class OfferedSource:
    """One way to read a folder.

    Attributes:
        label: The reader and what it recognised, such as ``pairs, as rain12``.
        source: The opened source.
    """

    label: str
    source: Source


def examine(
    source: Source,
    after_image: Callable[[str], None] | None = None,
    with_labels: Callable[[Truth], None] | None = None,
) -> Iterator[Finding]:
    """Decode every photograph of one source and name what is wrong with it.

    Args:
        source: An opened source.
        after_image: Called with each id when it is done, for a progress bar.
        with_labels: Called with the labels of each image that can be read.

    Yields:
        The faults of the files first, then image by image, then of the labels as a whole.
    """
    if isinstance(source, Audited):
        yield from source.audit()
    census = Census()
    read: list[str] = []
    for id in source.ids:
        try:
            photograph = source.load(id)
        except ImageError as error:
            yield Finding("unusable", id, str(error))
        else:
            read.append(id)
            census.add(photograph.truth)
            if with_labels is not None:
                with_labels(photograph.truth)
            yield from _findings(photograph)
        if after_image is not None:
            after_image(id)
    yield from _excluded(source, read)
    yield from census.findings(source.classes.instances, source.classes.labels)


def sources_in(kind: Literal["coco", "bdd", "data"], root: Path, published: str = "") -> list[OfferedSource]:
    """Open everything that one folder offers in a published layout.

    Args:
        kind: ``coco`` (every split with an instances JSON), ``bdd`` (boxes, label maps, bitmasks of every split) or
            ``data`` (images with masks in ``<name>annot``, pairs or labels in any published layout, or images alone).
        root: The folder.
        published: Published set of pairs that the folder is; empty to try them all.

    Raises:
        UserError: There is nothing that could be opened; the message says what was expected.
    """
    check_root(root, kind, "a folder of photographs")
    if published and kind != "data":
        raise UserError(f"--set {published}: only pairs come in published sets; give their folder with --data")
    if published:
        return [_offered(open_pairs(root, {"set": published}), f"pairs, set {published}")]
    if kind == "coco":
        return _coco_in(root)
    return _bdd_in(root) if kind == "bdd" else _data_in(root)


def _excluded(source: Source, read: Sequence[str]) -> Iterator[Finding]:
    """Say in a line each what of the objects and of the pixels is excluded, when these images can be read."""
    objects = Counter(source.fates(read) if isinstance(source, Accounted) else {})
    pixels = pixel_fates(source, source.ids, read) if isinstance(source, Mapped) else Counter()
    for fates, counted in ((objects, "objects"), (pixels, "pixels")):
        fates["unusable image"] += fates.pop("not chosen", 0)
        if line := excluded_line(fates, counted):
            yield Finding("excluded", "", line)


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


def _offered(source: Source, label: str) -> OfferedSource:
    half = source.half if isinstance(source, PairSource) else ""
    return OfferedSource(f"{label}, {half} clean" if half else label, source)


def _coco_in(root: Path) -> list[OfferedSource]:
    found = sorted({*root.glob("annotations/instances_*.json"), *root.glob("instances_*.json")})
    splits = [path.stem.removeprefix("instances_") for path in found]
    if len(splits) > 1:
        return [OfferedSource(f"coco, {split}", open_coco(root, {"split": split})) for split in splits]
    names = [path.relative_to(root).as_posix() for path in coco_files(root)]
    if len(names) > 1:
        return [OfferedSource(f"coco, {name}", open_coco(root, {"annotations": name})) for name in names]
    return [OfferedSource("coco", open_coco(root, {}))]


def _bdd_in(root: Path) -> list[OfferedSource]:
    """Open what is there; a file that is there and wrong is said alone."""
    offered: list[OfferedSource] = []
    absent: list[str] = []
    for split in ("train", "val"):
        for labels in KINDS:
            try:
                source = open_bdd(root, {"split": split, "labels": labels})
            except AbsentError as error:
                absent.append(str(error))
            else:
                offered.append(OfferedSource(f"bdd, {labels}, {split}", source))
    if not offered:
        raise UserError("; ".join(dict.fromkeys(absent)))
    return offered


def _data_in(root: Path) -> list[OfferedSource]:
    masked = [folder.name for folder in sorted(root.iterdir()) if (root / f"{folder.name}annot").is_dir()]
    if masked:
        return [
            OfferedSource(
                f"folder, {name} with {name}annot", open_folder(root, {"images": name, "masks": f"{name}annot"})
            )
            for name in masked
        ]
    if pairs := _pairs_in(root):
        return [pairs]
    if published := _layouts_in(root):
        return published
    try:
        return [OfferedSource("folder", open_folder(root, {}))]
    except AbsentError as error:
        there = left_out(root)
        raise UserError(
            f"{root}: holds no images{f' (it has {there})' if there else ''}, no folder NAME with masks in NAMEannot, "
            "no pairs of a published layout, such as rainy/ and clean/, and no labels of one, such as ACDC or VOC. "
            "Expected one of these; a suite file can name other folders (derainbench doctor SUITE.toml)"
        ) from error


def _pairs_in(root: Path) -> OfferedSource | None:
    """Pairs in the first published layout that fits; None if none does and none seems meant."""
    misses: list[str] = []
    for group, sets in groups_of_rules().items():
        if group.startswith("zhang"):
            continue  # any folder of photographs would fit: the halves are looked at below
        try:
            source = open_group(root, group)
        except AbsentError:
            continue
        except UserError as error:
            misses.append(str(error).removeprefix(f"{root}: "))
        else:
            return _offered(source, f"pairs, set {'any' if 'any' in sets else ' or '.join(sets)}")
    if half := clean_half(_images_of(root)):
        try:
            return _offered(open_pairs(root, {"set": _SETS_OF_HALVES[half]}), f"pairs, set {_SETS_OF_HALVES[half]}")
        except UserError:
            return None
    if misses:
        raise UserError(f"{root}: {'; '.join(dict.fromkeys(misses))}")
    return None


def _layouts_in(root: Path) -> list[OfferedSource]:
    """Labelled photographs in any published layout, every split of it."""
    offered: list[OfferedSource] = []
    for name in layout_names():
        if name in _TOLD_BY_A_SUITE:
            continue
        for labels in kinds_of(name):
            for split in ("train", "val") if "split" in folders_by(name) else ("",):
                try:
                    chosen = {"layout": name, "labels": labels, **({"split": split} if split else {})}
                    source = open_layout(root, chosen)
                except AbsentError:
                    continue
                offered.append(OfferedSource(f"layout {name}, {', '.join(filter(None, (labels, split)))}", source))
    return offered


def _images_of(root: Path) -> Sequence[Path]:
    try:
        return list(list_images(root).values())
    except ImageError:
        return ()
