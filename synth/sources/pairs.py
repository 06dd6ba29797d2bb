"""Reader of published pairs of rainy and clean images, and of real rain without truth.

Which file belongs to which is written in two tables: ``published_sets.csv`` names the sets and their rules,
``published_pairs.csv`` the rules: a folder and a pattern of rainy names, and where the clean image is.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.contract import Classes, Image, Parameters, Photograph, Truth
from bench.errors import ImageError, UserError
from bench.io.files import key_of, sha256_of
from bench.io.images import list_images, read_image, size_of_image
from synth.sources.coco import CocoSource, open_coco
from synth.sources.findings import Finding
from synth.sources.folder import FolderSource, open_folder
from synth.sources.reading import NO_NUMBER, check_names, check_root, parameter

_FOLDER = Path(__file__).parent
_HALVES = ("left half", "right half")
_NONE = "none"
_LABELS = ("annotations", "masks", "classes", "ignore", "space")


@dataclass(frozen=True)
class Rule:
    """How one published layout pairs its files.

    Attributes:
        rainy: Folder of the rainy images below the root.
        rainy_name: Pattern of their stems; its group ``id`` is the image's id.
        clean: Folder of the clean images; ``left half`` or ``right half`` if they are in the same file as the
            rainy one, which is then the other half; ``none`` for real rain.
        clean_name: Stem of the clean image, made from the pattern's groups.
    """

    rainy: str
    rainy_name: str
    clean: str
    clean_name: str


@dataclass(frozen=True)
class Pair:
    """The files of one pair; ``clean`` is None if it is in the same file or there is none."""

    rainy: Path
    clean: Path | None


@dataclass(frozen=True)
class PairSource:
    """Published pairs; see :func:`open_pairs`.

    Attributes:
        pairs: The files by id.
        half: Which half of a file is clean, ``left half`` or ``right half``; empty for files of their own.
        unpaired: Names that the rule does not know, and clean images that belong to no rainy one.
        labels: Labels of the clean images, where the user gave some.
    """

    name: str
    pairs: Mapping[str, Pair]
    half: str
    unpaired: Sequence[str]
    labels: CocoSource | FolderSource | None = None

    @property
    def classes(self) -> Classes:
        """The class spaces of the labels, if there are any."""
        return self.labels.classes if self.labels else Classes()

    @property
    def ids(self) -> Sequence[str]:
        """What the names of the rainy images have of their own, in the order of the names."""
        return tuple(self.pairs)

    def size(self, id: str, /) -> tuple[int, int] | None:
        """(height, width) of one image, from the file's header."""
        size = size_of_image(self.pairs[id].rainy)
        return (size[0], size[1] // 2) if size and self.half else size

    def image_id(self, id: str, /) -> int:
        """The number in the user's COCO file; NO_NUMBER without one."""
        return self.labels.image_id(id) if isinstance(self.labels, CocoSource) else NO_NUMBER

    def annotation_ids(self, id: str, /) -> Sequence[int]:
        """The numbers in the user's COCO file; none without one."""
        return self.labels.annotation_ids(id) if isinstance(self.labels, CocoSource) else ()

    def identity(self, id: str, /) -> str:
        """Digest of the files and labels; empty if a file is absent."""
        pair = self.pairs[id]
        files = [path for path in (pair.rainy, pair.clean) if path is not None]
        if not all(path.is_file() for path in files):
            return ""
        labels = self.labels.identity(id) if self.labels and id in self.labels.ids else ""
        return key_of([sha256_of(path) for path in files], labels)

    def audit(self) -> Iterator[Finding]:
        """Names that the set's rule does not know, and names without partner."""
        for id in self.unpaired:
            yield Finding("unpaired", id, "no partner, or a name that the set's rule does not know")

    def load(self, id: str, /) -> Photograph:
        """Decode a pair and its labels.

        Raises:
            ImageError: A file is absent or unusable, the images differ in size, or labels do not fit.
        """
        rainy, clean = self._images(self.pairs[id])
        size = (rainy.shape[0], rainy.shape[1])
        if clean is not None and clean.shape != rainy.shape:
            raise ImageError(
                f"pair {id!r}: the rainy image has {size[1]}x{size[0]} pixels, the clean one "
                f"{clean.shape[1]}x{clean.shape[0]}; crop them alike"
            )
        truth = Truth(size)
        if self.labels is not None:
            if id not in self.labels.ids:
                raise ImageError(f"pair {id!r}: there are no labels for an image of this name")
            truth = self.labels.load(id).truth
        return Photograph(id, clean, rainy, truth)

    def _images(self, pair: Pair) -> tuple[Image, Image | None]:
        rainy = read_image(pair.rainy)
        if not self.half:
            return rainy, None if pair.clean is None else read_image(pair.clean)
        if rainy.shape[1] % 2:
            raise ImageError(f"{pair.rainy}: expected two images side by side, found an odd width {rainy.shape[1]}")
        middle = rainy.shape[1] // 2
        left, right = rainy[:, :middle].copy(), rainy[:, middle:].copy()
        return (right, left) if self.half == _HALVES[0] else (left, right)


def open_pairs(root: Path | None, parameters: Parameters) -> PairSource:
    """Open a published set of pairs.

    Args:
        root: The set's folder.
        parameters: ``set``, one of :func:`set_names` (``any``). Labels of the clean images, if there are any:
            ``annotations``, a COCO instances JSON below the root, or ``masks`` with ``classes`` and ``ignore`` as
            for a plain folder; ``space``, the class space's name.

    Raises:
        UserError: The set is unknown, or the folder is in none of its known layouts.
    """
    check_names(parameters, ("set", *_LABELS), "pairs")
    name = parameter(parameters, "set", "any")
    if name not in set_names():
        raise UserError(f"unknown set of pairs {name!r}. Known: {', '.join(set_names())}")
    rules = _rules_of(name)
    folder = check_root(root, "pairs", _expected(rules))
    for rule in rules:
        pairs, unpaired = _paired(folder, rule)
        if pairs:
            half = rule.clean if rule.clean in _HALVES else ""
            return PairSource("pairs", pairs, half, unpaired, _open_labels(folder, rule, parameters))
    raise UserError(f"{folder}: not a known layout of {name}. Expected {_expected(rules)}")


@cache
def set_names() -> tuple[str, ...]:
    """Every published set that can be read."""
    return tuple(row["set"] for row in _rows("published_sets.csv"))


def _rules_of(name: str) -> list[Rule]:
    wanted = next(row["rules"].split() for row in _rows("published_sets.csv") if row["set"] == name)
    return [
        Rule(row["rainy"], row["rainy_name"], row["clean"], row["clean_name"])
        for group in wanted
        for row in _rows("published_pairs.csv")
        if row["set"] == group
    ]


def _paired(root: Path, rule: Rule) -> tuple[dict[str, Pair], list[str]]:
    """Pairs by id, and the names that have no partner; no pairs if the folder is not of this layout."""
    rainy = _images_in(root / rule.rainy)
    elsewhere = rule.clean not in (*_HALVES, _NONE)
    clean = _images_in(root / rule.clean) if elsewhere else {}
    pairs: dict[str, Pair] = {}
    strange: list[str] = []
    used: set[str] = set()
    for stem, path in rainy.items():
        match = re.fullmatch(rule.rainy_name, stem)
        if not match:
            strange += [] if rule.rainy == rule.clean else [stem]
            continue
        partner = rule.clean_name.format(**match.groupdict())
        used.add(partner)
        pairs[match["id"]] = Pair(path, clean.get(partner, root / rule.clean / f"{partner}.png") if elsewhere else None)
    if elsewhere and not used & clean.keys():
        return {}, []
    alone = [
        stem for stem in clean.keys() - used if rule.rainy != rule.clean or not re.fullmatch(rule.rainy_name, stem)
    ]
    missing = [id for id, pair in pairs.items() if pair.clean is not None and not pair.clean.is_file()]
    return pairs, sorted(strange + alone + missing)


def _open_labels(root: Path, rule: Rule, parameters: Parameters) -> CocoSource | FolderSource | None:
    given = {name: value for name, value in parameters.items() if name in _LABELS}
    if not given:
        return None
    if rule.clean in (*_HALVES, _NONE):
        raise UserError("pairs: labels can be read only for clean images that are files of their own")
    if "annotations" in given:
        return open_coco(root, {**given, "images": rule.clean})
    return open_folder(root, {**given, "images": rule.clean})


def _images_in(folder: Path) -> dict[str, Path]:
    try:
        return list_images(folder)
    except ImageError:
        return {}


def _expected(rules: Sequence[Rule]) -> str:
    texts = [f"{rule.rainy or '.'}/{rule.rainy_name} with {rule.clean or '.'}/{rule.clean_name}" for rule in rules]
    return "; or ".join(text.replace("(?P<id>", "(").replace("(?P<scene>", "(") for text in texts)


@cache
def _rows(name: str) -> list[dict[str, str]]:
    with (_FOLDER / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
