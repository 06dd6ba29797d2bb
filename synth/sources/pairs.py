"""Read published pairs of rainy and clean images, and real rain without truth.

Which file belongs to which is written in two tables: ``published_sets.csv`` names the sets and their rules,
``published_pairs.csv`` the rules: a folder and a pattern of rainy names, and where the clean image is.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from bench.contract import Classes, Image, Parameters, Photograph, Truth
from bench.errors import ImageError, UserError, did_you_mean
from bench.io.files import key_of, sha256_of
from bench.io.images import left_out, list_images, read_image, size_of_image
from bench.io.names import align_names
from synth.sources.coco import CocoSource, open_coco
from synth.sources.findings import Finding
from synth.sources.folder import FolderSource, open_folder
from synth.sources.reading import NO_NUMBER, AbsentError, check_names, check_root, parameter

_FOLDER = Path(__file__).parent
HALVES = ("left half", "right half")
"""Of a file that holds both images of a pair: the half that is clean."""
_NONE = "none"
_INSIDE = (*HALVES, _NONE)
_LABELS = ("annotations", "masks", "classes", "ignore", "space")


@dataclass(frozen=True)
class PairRule:
    """Rule by which one published layout pairs its files.

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
class FilePair:
    """Files of one pair; ``clean`` is None if it is in the same file or there is none."""

    rainy: Path
    clean: Path | None


@dataclass(frozen=True)
class PairSource:
    """Published pairs; see :func:`open_pairs`.

    Attributes:
        pairs: The files by id.
        half: Which half of a file is clean, ``left half`` or ``right half``; empty for files of their own.
        unpaired: Names that the rule does not know, and clean images that belong to no rainy one.
        labels: Labels of the clean images, or of the rainy ones where there are no clean ones; None if none were given.
        folders: The folders of images that were read.
    """

    name: str
    pairs: Mapping[str, FilePair]
    half: str
    unpaired: Sequence[str]
    labels: CocoSource | FolderSource | None = None
    folders: tuple[Path, ...] = ()

    @property
    def has_clean(self) -> bool:
        """Whether the set has clean images: real rain has none."""
        return bool(self.half) or any(pair.clean is not None for pair in self.pairs.values())

    @cached_property
    def _label_ids(self) -> Mapping[str, str]:
        """Ids of the labels by ids of the pairs: equal, but for the Unicode form."""
        return align_names({id: id for id in self.labels.ids}, self.ids) if self.labels else {}

    @property
    def classes(self) -> Classes:
        """Look up the class spaces of the labels, if there are any."""
        return self.labels.classes if self.labels else Classes()

    @property
    def ids(self) -> Sequence[str]:
        """List the ids: the part of the rainy images' names that differs, in the order of the names."""
        return tuple(self.pairs)

    def size(self, id: str, /) -> tuple[int, int] | None:
        """Read (height, width) of one image from its file's header."""
        size = size_of_image(self.pairs[id].rainy)
        return (size[0], size[1] // 2) if size and self.half else size

    def image_id(self, id: str, /) -> int:
        """Look up one image's number in the user's COCO file; NO_NUMBER without one."""
        labelled = self._label_ids.get(id)
        return self.labels.image_id(labelled) if isinstance(self.labels, CocoSource) and labelled else NO_NUMBER

    def annotation_ids(self, id: str, /) -> Sequence[int]:
        """List the numbers of one image's objects in the user's COCO file; none without one."""
        labelled = self._label_ids.get(id)
        return self.labels.annotation_ids(labelled) if isinstance(self.labels, CocoSource) and labelled else ()

    def identity(self, id: str, /) -> str:
        """Digest the files and labels of one pair; empty if a file is absent."""
        pair = self.pairs[id]
        files = [path for path in (pair.rainy, pair.clean) if path is not None]
        if not all(path.is_file() for path in files):
            return ""
        labels = self.labels.identity(self._label_ids[id]) if self.labels and id in self._label_ids else ""
        return key_of([sha256_of(path) for path in files], labels)

    def audit(self) -> Iterator[Finding]:
        """Name what the set's rule does not know, what has no partner, and files that look like images."""
        for folder in self.folders:
            if text := left_out(folder, [other for other in self.folders if other != folder]):
                yield Finding("not read", "", f"{folder}: {text}")
        for id in self.unpaired:
            yield Finding("unpaired", id, "no partner, or a name that the set's rule does not know")

    def load(self, id: str, /) -> Photograph:
        """Decode one pair and its labels.

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
            if id not in self._label_ids:
                raise ImageError(f"pair {id!r}: there are no labels for an image of this name")
            truth = self.labels.load(self._label_ids[id]).truth
        return Photograph(id, clean, rainy, truth)

    def _images(self, pair: FilePair) -> tuple[Image, Image | None]:
        rainy = read_image(pair.rainy)
        if not self.half:
            return rainy, None if pair.clean is None else read_image(pair.clean)
        if rainy.shape[1] % 2:
            raise ImageError(f"{pair.rainy}: expected two images side by side, found an odd width {rainy.shape[1]}")
        middle = rainy.shape[1] // 2
        left, right = rainy[:, :middle].copy(), rainy[:, middle:].copy()
        return (right, left) if self.half == HALVES[0] else (left, right)


def open_pairs(root: Path | None, parameters: Parameters) -> PairSource:
    """Open one published set of pairs.

    Args:
        root: The set's folder.
        parameters: ``set``, one of :func:`set_names` (``any``). Labels of the clean images (of the
            rainy ones in a set of real rain), if there are any:
            ``annotations``, a COCO instances JSON below the root, or ``masks`` with ``classes`` and ``ignore`` as
            for a plain folder; ``space``, the class space's name.

    Raises:
        UserError: The set is unknown, or the folder is in none of its known layouts.
    """
    check_names(parameters, ("set", *_LABELS), "pairs")
    name = parameter(parameters, "set", "any")
    if name not in set_names():
        raise UserError(f"unknown set of pairs {name!r}. {did_you_mean(name, set_names())}")
    wanted = next(row["rules"].split() for row in _rows("published_sets.csv") if row["set"] == name)
    return _open_by(root, wanted, name, parameters)


def open_group(root: Path, group: str) -> PairSource:
    """Open one folder by one group of rules (:func:`groups_of_rules`), such as ``fu2017``.

    Raises:
        AbsentError: The folder is in none of the group's layouts.
        UserError: It is, but its files do not pair.
    """
    return _open_by(root, [group], group, {})


def _open_by(root: Path | None, groups: Sequence[str], name: str, parameters: Parameters) -> PairSource:
    rules = [rule for group in groups for rule in _rules_of(group)]
    folder = check_root(root, "pairs", _expected(rules))
    misses: list[str] = []
    for rule in rules:
        pairs, unpaired, miss = _paired(folder, rule)
        if pairs:
            half = rule.clean if rule.clean in HALVES else ""
            folders = tuple(dict.fromkeys(folder / part for part in (rule.rainy, rule.clean) if part not in _INSIDE))
            return PairSource("pairs", pairs, half, unpaired, _open_labels(folder, rule, parameters), folders)
        misses += [miss] if miss else []
    if misses:
        raise UserError(f"{folder}: {'; '.join(dict.fromkeys(misses))}")
    raise AbsentError(f"{folder}: not a known layout of {name}. Expected {_expected(rules)}")


def groups_of_rules() -> dict[str, list[str]]:
    """List the groups of rules that pair two images, each with the sets that were published so."""
    found: dict[str, list[str]] = {}
    for row in _rows("published_sets.csv"):
        found.setdefault(row["rules"].split()[0], []).append(row["set"])
    return {group: sets for group, sets in found.items() if group != "real"}


@cache
def set_names() -> tuple[str, ...]:
    """List the published sets that can be read."""
    return tuple(row["set"] for row in _rows("published_sets.csv"))


def _rules_of(group: str) -> list[PairRule]:
    rows = [row for row in _rows("published_pairs.csv") if row["set"] == group]
    return [PairRule(row["rainy"], row["rainy_name"], row["clean"], row["clean_name"]) for row in rows]


def _paired(root: Path, rule: PairRule) -> tuple[dict[str, FilePair], list[str], str]:
    """Pair the files of one folder by one rule.

    Returns:
        Pairs by id, the names that have no partner, and why files that look as if they were meant do not pair; all
        empty if the folder is not of this layout.
    """
    elsewhere = rule.clean not in _INSIDE
    try:
        rainy = _images_in(root, rule.rainy)
        clean = _images_in(root, rule.clean) if elsewhere else {}
    except ImageError as error:
        return {}, [], str(error).removeprefix(f"{root}/") if _meant(root, rule) else ""
    matches = {stem: match for stem in rainy if (match := re.fullmatch(rule.rainy_name, stem))}
    partners = {stem: rule.clean_name.format(**match.groupdict()) for stem, match in matches.items()}
    clean = align_names(clean, set(partners.values()))
    used = set(partners.values())
    if elsewhere and not used & clean.keys():
        return {}, [], _unlike(rule, list(rainy), list(clean)) if _meant(root, rule) else ""
    pairs: dict[str, FilePair] = {}
    for stem, match in matches.items():
        other = clean.get(partners[stem], root / rule.clean / f"{partners[stem]}.png") if elsewhere else None
        pairs[match["id"]] = FilePair(rainy[stem], other)
    one_folder = rule.rainy == rule.clean
    strange = [] if one_folder else [stem for stem in rainy if stem not in matches]
    alone = [stem for stem in clean.keys() - used if not (one_folder and re.fullmatch(rule.rainy_name, stem))]
    missing = [id for id, pair in pairs.items() if pair.clean is not None and not pair.clean.is_file()]
    return pairs, sorted(strange + alone + missing), ""


def _meant(root: Path, rule: PairRule) -> bool:
    """Both folders of a rule are there, and have names that say what they are."""
    return bool(rule.rainy and rule.clean) and (root / rule.rainy).is_dir() and (root / rule.clean).is_dir()


def _unlike(rule: PairRule, rainy: Sequence[str], clean: Sequence[str]) -> str:
    if not rainy or not clean:
        empty = rule.clean if rainy else rule.rainy
        return f"{empty}/ holds no images"
    return (
        f"no names pair: {rule.rainy}/ has {', '.join(rainy[:3])}, ..., {rule.clean}/ has {', '.join(clean[:3])}, ...; "
        "give the two images of a pair one name"
    )


def _open_labels(root: Path, rule: PairRule, parameters: Parameters) -> CocoSource | FolderSource | None:
    given = {name: value for name, value in parameters.items() if name in _LABELS}
    if not given:
        return None
    if rule.clean in HALVES:
        raise UserError("pairs: labels can be read only for images that are files of their own, not for halves of one")
    labelled = {**given, "images": rule.rainy if rule.clean == _NONE else rule.clean}
    return open_coco(root, labelled) if "annotations" in given else open_folder(root, labelled)


def _images_in(root: Path, place: str) -> dict[str, Path]:
    return list_images(root / place) if (root / place).is_dir() else {}


def _expected(rules: Sequence[PairRule]) -> str:
    texts = [f"{rule.rainy or '.'}/{rule.rainy_name} with {rule.clean or '.'}/{rule.clean_name}" for rule in rules]
    return "; or ".join(text.replace("(?P<id>", "(").replace("(?P<scene>", "(") for text in texts)


@cache
def _rows(name: str) -> list[dict[str, str]]:
    with (_FOLDER / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
