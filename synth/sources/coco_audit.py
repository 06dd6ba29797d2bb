"""Name the faults of a COCO label file that do not show when its photographs are loaded one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from bench.io.images import IMAGE_SUFFIXES, left_out
from synth.sources.annotations import Annotations
from synth.sources.coco_file import CocoImage
from synth.sources.findings import Finding


def file_findings(folder: Path, records: Mapping[str, CocoImage], besides: Collection[Path]) -> Iterator[Finding]:
    """Name the files of the folder of images that the label file does not list, or lists under another name.

    Args:
        folder: The folder of images.
        records: The images of the label file, by id.
        besides: Subfolders that are read otherwise.
    """
    listed = {record.path for record in records.values()}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in IMAGE_SUFFIXES and path not in listed:
            yield Finding("extra file", path.name, "not in the label file; it is left out")
    if text := left_out(folder, {*besides, *(path.parent for path in listed)}):
        yield Finding("not read", "", f"{folder}: {text}")
    for id, record in records.items():
        if record.renamed:
            name = record.path.relative_to(folder).as_posix()
            yield Finding("other name", id, f"the label file says {record.renamed[:200]!r}; {name!r} is read")


def object_findings(annotations: Mapping[str, Annotations]) -> Iterator[Finding]:
    """Name what is wrong with the objects of all readable images: image by image, then of the whole."""
    some_have_masks = any(found.instances.masks for found in annotations.values())
    for id, found in annotations.items():
        if found.dropped:
            yield Finding("zero area", id, f"{found.dropped} boxes without area are left out")
        if found.unmasked and (some_have_masks or found.unreadable):
            more = f"; and {len(found.unmasked) - 1} more" if len(found.unmasked) > 1 else ""
            yield Finding("no mask", id, f"{found.unmasked[0]}{more}; boxes are read, masks of this image are not")
    yield from _whole_findings(annotations)


def _whole_findings(annotations: Mapping[str, Annotations]) -> Iterator[Finding]:
    parts = [found.instances for found in annotations.values()]
    objects = sum(len(part.boxes) for part in parts)
    if annotations and not objects:
        yield Finding("no objects", "", "no image has a labelled object, so nothing can be right")
        return
    if objects and sum(int(part.crowd.sum()) for part in parts) == objects:
        yield Finding("crowd only", "", f"all {objects} objects are crowds (iscrowd 1), which are ignored")
    tiny = sum(int(((part.boxes[:, 2:] - part.boxes[:, :2]) < 1).all(axis=1).sum()) for part in parts)
    if objects and tiny == objects:
        yield Finding("tiny boxes", "", f"all {objects} boxes are smaller than a pixel; expected pixels, not shares")
