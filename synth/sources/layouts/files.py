"""Find the photographs of one layout and the labels and clean images that belong to them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import UserError
from bench.io.images import IMAGE_SUFFIXES
from bench.io.names import align_names
from synth.sources.layouts.table import Layout

LABEL_SUFFIXES: Mapping[str, tuple[str, ...]] = {"voc": (".xml",), "yolo": (".txt",), "ids": (".png",)}
"""Endings of label files by format."""
_MOST_FILES = 200_000
_MOST_NAMED = 3


@dataclass(frozen=True)
class Item:
    """Files of one photograph.

    Attributes:
        photograph: The image that is judged.
        label: Its label file; None where the layout has none.
        clean: The aligned image without rain; None where the layout has none.
        facts: What its path says, such as ``timeofday``.
    """

    photograph: Path
    label: Path | None
    clean: Path | None
    facts: Mapping[str, str]

    @property
    def files(self) -> tuple[Path, ...]:
        """List the files."""
        return tuple(path for path in (self.photograph, self.label, self.clean) if path is not None)


@dataclass(frozen=True)
class Found:
    """What one layout finds in one folder.

    Attributes:
        items: Photographs by id that have all that the layout promises.
        unpaired: Names without partner, and names that the pattern does not know.
        orphans: Label files without photograph.
        miss: Why nothing pairs although photographs are there; empty otherwise.
    """

    items: Mapping[str, Item]
    unpaired: Sequence[str] = ()
    orphans: Sequence[Path] = ()
    miss: str = ""


def find_items(root: Path, layout: Layout) -> Found:
    """Pair the files of one layout, all folders below its own included.

    Args:
        root: The folder.
        layout: The layout, split and condition filled in.

    Returns:
        The pairs; without items and without ``miss`` if the folder is not of this layout.

    Raises:
        UserError: Two photographs have one id, or a folder holds too many files.
    """
    folder, there = root / layout.photographs, _labels(root, layout)
    photographs = _below(folder, IMAGE_SUFFIXES) if there or layout.format == "none" else {}
    matches = {name: match for name in photographs if (match := re.fullmatch(layout.photograph, name))}
    wanted = {name: layout.label.format(**_groups(match)) for name, match in matches.items()}
    labels = align_names(there, set(wanted.values()))
    cleans = _below(root / layout.clean, IMAGE_SUFFIXES) if layout.clean else {}
    items: dict[str, Item] = {}
    unpaired: list[str] = []
    for name, match in matches.items():
        label = labels.get(wanted[name])
        clean = cleans.get(layout.clean_name.format(**_groups(match)))
        if (layout.format != "none" and label is None) or (layout.clean and clean is None):
            unpaired.append(name)
            continue
        if match["id"] in items:
            raise UserError(f"{folder}: {name} and {items[match['id']].photograph} have one id, {match['id']!r}")
        items[match["id"]] = Item(photographs[name], label, clean, _facts(match))
    orphans = [labels[name] for name in sorted(labels.keys() - set(wanted.values()))]
    used = {path for item in items.values() for path in item.files} | set(orphans)
    strange = [name for name, path in photographs.items() if name not in matches and path not in used]
    return Found(items, sorted(unpaired + strange), orphans, "" if items else _miss(layout, wanted, labels))


def _labels(root: Path, layout: Layout) -> dict[str, Path]:
    """List the label files, by path without suffix; those that differ in what follows the id are something else."""
    if layout.format == "none":
        return {}
    ending = layout.label.rpartition("}")[2]
    found = _below(root / layout.place, LABEL_SUFFIXES[layout.format])
    return {name: path for name, path in found.items() if name.endswith(ending)}


def _groups(match: re.Match[str]) -> dict[str, str]:
    return match.groupdict(default="")


def _facts(match: re.Match[str]) -> dict[str, str]:
    return {name: value for name, value in _groups(match).items() if name not in ("id", "below", "scene")}


def _miss(layout: Layout, wanted: Mapping[str, str], labels: Mapping[str, Path]) -> str:
    """Say what does not pair, where photographs and labels are there."""
    if not wanted or not labels:
        return ""
    here = f"no photograph of {layout.photographs or '.'}/ has"
    if layout.clean and labels.keys() & set(wanted.values()):
        return f"{here} its clean image in {layout.clean}/: expected {layout.clean_name}"
    there, meant = list(labels)[:_MOST_NAMED], list(wanted.values())[:_MOST_NAMED]
    has = f"it has {', '.join(there)}, ..., expected {', '.join(meant)}, ..."
    return f"{here} a label file in {layout.place or '.'}/: {has}"


def _below(folder: Path, suffixes: Sequence[str] | frozenset[str]) -> dict[str, Path]:
    """List the files of some endings below one folder, by path without ending; links to folders are not followed."""
    found: dict[str, Path] = {}
    for path in _walk(folder):
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise UserError(f"{folder}: {path.name} and {found[name].name} differ in their ending alone; remove one")
        found[name] = path
        if len(found) > _MOST_FILES:
            raise UserError(f"{folder}: holds more than {_MOST_FILES} files; give the folder of one dataset")
    return found


def _walk(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name != name.encode("utf-8", "replace").decode():
                raise UserError(
                    f"{place}: the file name {name.encode('utf-8', 'replace').decode()} is no UTF-8; rename it"
                )
            yield Path(place, name)
