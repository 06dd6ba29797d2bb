"""Map a model's classes to a dataset's: by id for known pairs, by equal names for all others."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from bench.contract import ClassSpace, IntArray
from bench.errors import UserError

_FOLDER = Path(__file__).parent


@cache
def known_spaces() -> Mapping[str, ClassSpace]:
    """Read the well-known label spaces by name.

    ``coco80`` is COCO's 80 classes numbered from 0, as darknet, ultralytics and detectron2 number them;
    ``coco`` the same with COCO's own ids 1 to 90 and their gaps, as its JSON files and torchvision have them.
    """
    rows: dict[str, list[tuple[int, str]]] = {}
    for row in _rows("spaces.csv"):
        rows.setdefault(row["space"], []).append((int(row["id"]), row["name"]))
    return {
        space: ClassSpace(space, tuple(id for id, _ in pairs), tuple(name for _, name in pairs))
        for space, pairs in rows.items()
    }


def space_of_outputs(name: str, names: Sequence[str]) -> ClassSpace:
    """Space of a model whose outputs are numbered from 0; recognised as a known one by its names in order."""
    return space_of_labels(name, dict(enumerate(names)))


def space_of_labels(name: str, labels: Mapping[int, str]) -> ClassSpace:
    """Make the space of a model from its ids and names; recognised as a known one by both, in order."""
    ids, names = tuple(labels), tuple(labels.values())
    for known in known_spaces().values():
        if known.ids == ids and _plain_all(known.names) == _plain_all(names):
            return known
    return ClassSpace(name, ids, names)


def ids_of_names(names: Sequence[str], space: ClassSpace) -> list[int]:
    """Find the ids of class names in a space, by equal names as in :func:`map_classes`; -1 for an unknown name."""
    wanted = ClassSpace("names", tuple(range(len(names))), tuple(names))
    found = _equal_names(wanted, space)
    return [found.get(place, -1) for place in wanted.ids]


def map_classes(model: ClassSpace, dataset: ClassSpace) -> dict[int, int]:
    """Find for each class of a model the dataset's class of the same meaning.

    Known pairs are mapped by id, since names differ in spelling; others by equal names (case and
    punctuation aside, with a few synonyms such as ``motorbike``).

    Returns:
        Model id to dataset id, for those classes that have a counterpart.

    Raises:
        UserError: No class in common, or two classes of the dataset have one meaning, of which the model sees one.
    """
    pairs = _known_pair(model, dataset)
    if pairs is None:
        pairs = _equal_names(model, dataset)
    mapping = {id: target for id, target in pairs.items() if id in model.ids and target in dataset.ids}
    for alike in _alike(dataset).values():
        reached = set(alike) & set(mapping.values())
        if reached and reached != set(alike):
            raise UserError(f"dataset {dataset.name}: {_alike_text(dataset, alike)}")
    if not mapping:
        raise UserError(
            f"the model's classes ({model.name}: {_some(model.names)}) and the dataset's "
            f"({dataset.name}: {_some(dataset.names)}) have none in common; choose a model trained on such classes"
        )
    return mapping


def classes_alike(space: ClassSpace) -> list[str]:
    """Describe the classes of one list that have one meaning, a line for each meaning.

    A model's detections can be counted for one of them alone; the objects of the others would all be missed.
    """
    return [_alike_text(space, alike) for alike in _alike(space).values()]


def apply_mapping(ids: IntArray, mapping: Mapping[int, int]) -> IntArray:
    """Map class ids; -1 for those without a counterpart."""
    return np.array([mapping.get(int(id), -1) for id in ids], dtype=np.int64)


def _known_pair(model: ClassSpace, dataset: ClassSpace) -> dict[int, int] | None:
    if not (_is_known(model) and _is_known(dataset)):
        return None
    if model.name == dataset.name:
        return {id: id for id in model.ids}
    wanted = (model.name, dataset.name)
    pairs = {
        int(row["model_id"]): int(row["dataset_id"])
        for row in _rows("pairs.csv")
        if (row["model_space"], row["dataset_space"]) == wanted
    }
    return pairs or None


def _is_known(space: ClassSpace) -> bool:
    known = known_spaces().get(space.name)
    if known is None:
        return False
    canonical = dict(zip(known.ids, _plain_all(known.names), strict=True))
    return all(canonical.get(id) == _plain(name) for id, name in zip(space.ids, space.names, strict=True))


def _equal_names(model: ClassSpace, dataset: ClassSpace) -> dict[int, int]:
    exact = dict(zip(map(_normal, dataset.names), dataset.ids, strict=True))
    plain = dict(zip(_plain_all(dataset.names), dataset.ids, strict=True))
    found: dict[int, int] = {}
    for id, name in zip(model.ids, model.names, strict=True):
        target = exact.get(_normal(name), plain.get(_plain(name)))
        if target is not None:
            found[id] = target
    return found


def _alike(space: ClassSpace) -> Mapping[str, Sequence[int]]:
    """Ids of classes with one meaning, for each meaning that several have."""
    found: dict[str, list[int]] = {}
    for id, name in zip(space.ids, space.names, strict=True):
        found.setdefault(_plain(name), []).append(id)
    return {meaning: ids for meaning, ids in found.items() if len(ids) > 1}


def _alike_text(space: ClassSpace, alike: Sequence[int]) -> str:
    names = dict(zip(space.ids, space.names, strict=True))
    listed = " and ".join(f"{names[id]!r} (id {id})" for id in alike)
    return f"the classes {listed} have one meaning; join them in the label file, or drop the one that is not used"


def _plain_all(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(_plain, names))


def _plain(name: str) -> str:
    """Return the name that all synonyms of a class name share."""
    return _aliases().get(_normal(name), _normal(name))


def _normal(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())


@cache
def _aliases() -> Mapping[str, str]:
    return {row["alias"]: row["name"] for row in _rows("aliases.csv")}


def _rows(file: str) -> list[dict[str, str]]:
    with (_FOLDER / file).open(newline="", encoding="utf-8") as text:
        return list(csv.DictReader(text))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
