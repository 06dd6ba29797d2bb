"""Choose the classes of a dataset that are scored: those that the model can see, or those the user names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.contract import ClassSpace
from bench.errors import UserError
from tasks.classes import map_classes

NOT_SCORED = "class not scored"
"""Fate of true objects and pixels of classes that the model does not have, or that the user did not ask for."""


def choose_scored(
    dataset: ClassSpace | None, model: ClassSpace | None, names: Sequence[str], task: str
) -> tuple[int, ...]:
    """Choose the ids of the classes to score, in the dataset's order.

    Args:
        dataset: The dataset's classes, or None if it has none of the kind.
        model: The model's classes, or None if they are not known before it is loaded.
        names: The user's choice of the dataset's names; empty for all that the model can see.
        task: For messages.

    Raises:
        UserError: A name that the dataset does not have, or no class in common.
    """
    if dataset is None:
        return ()
    if unknown := sorted(set(names) - set(dataset.names)):
        raise UserError(
            f"task {task!r}: parameter 'classes': {dataset.name} has no class {', '.join(unknown)}; "
            f"it has {', '.join(dataset.names)}"
        )
    if names:
        return tuple(id for id, name in zip(dataset.ids, dataset.names, strict=True) if name in names)
    if model is None:
        return dataset.ids
    seen = set(map_classes(model, dataset).values())
    return tuple(id for id in dataset.ids if id in seen)


def check_covered(dataset: ClassSpace, scored: Sequence[int], mapping: Mapping[int, int], model: str) -> None:
    """Make sure that a loaded model can see every class that is scored.

    Raises:
        UserError: The model cannot see a named class, whose objects would count as missed.
    """
    visible = set(mapping.values())
    names = dict(zip(dataset.ids, dataset.names, strict=True))
    if blind := [names[id] for id in scored if id not in visible]:
        known = ", ".join(repr(names[id]) for id in scored if id in visible)
        raise UserError(
            f"model {model!r} cannot see {', '.join(blind)} of {dataset.name}, and all their objects would count "
            f"as missed. Score the others only: classes = [{known}]"
        )
