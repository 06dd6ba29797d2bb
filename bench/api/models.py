"""Try a task model outside a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.contract import Classes, ClassSpace, Image, Options
from bench.errors import ImageError, UserError, did_you_mean
from bench.io.images import read_image
from bench.io.trials import Finding
from synth.streets.source import draw
from tasks import TASKS
from tasks.check import SIZES, check_model
from tasks.classes import known_spaces
from tasks.detection.object_task import ObjectTask
from tasks.semantic.task import SemanticTask

_USUAL = {"detection": "coco", "instances": "coco", "semantic": "cityscapes"}
"""Classes of a model that does not say what it sees."""
_DRAWN = (192, 320)


def try_model(named: str, options: Options, classes: str = "", picture: Path | None = None) -> tuple[Finding, ...]:
    """Try a task model against the contract: form, odd sizes, repetition, neighbours, ...

    Args:
        named: ``TASK=MODEL``, as behind ``--model``: ``detection=path/to/mine.py:build``.
        options: Device, and where weights are looked for.
        classes: Classes of the dataset that it is to judge: a known label space such as ``coco``, or names by comma;
            empty for the model's own.
        picture: A photograph to try it on; None for a drawn street scene.

    Examples:
        >>> from bench.api import try_model
        >>> from bench.contract import Options
        >>> all(finding.passed for finding in try_model("semantic=shipped:streets-unet", Options()))
        True

    Raises:
        UserError: No such task, model, classes or picture, or the model cannot be loaded.
    """
    task, _, model = named.partition("=")
    if task not in _USUAL or not model:
        raise UserError(f"{named}: expected TASK=MODEL such as detection=path/to/mine.py:build; tasks: {_tasks()}")
    image = _drawn() if picture is None else _read(picture)
    space = _space(classes) if classes else _own_classes(task, model) or known_spaces()[_USUAL[task]]
    found = Classes(labels=space) if task == "semantic" else Classes(instances=space)
    return check_model(TASKS.load(TASKS.named(task))({"model": model}, found).judge(options), image)


def _tasks() -> str:
    return ", ".join(_USUAL)


def _own_classes(task: str, model: str) -> ClassSpace | None:
    built = TASKS.load(TASKS.named(task))({"model": model}, Classes())
    if isinstance(built, ObjectTask):
        return built.source.space
    return built.checkpoint.space if isinstance(built, SemanticTask) else None


def _space(classes: str) -> ClassSpace:
    known = known_spaces()
    if classes in known:
        return known[classes]
    names = tuple(name.strip() for name in classes.split(","))
    if len(names) == 1 or len(set(names)) < len(names) or not all(names):
        raise UserError(f"--classes {classes}: no known label space, nor names. {did_you_mean(classes, known)}")
    return ClassSpace("classes", tuple(range(len(names))), names)


def _drawn() -> Image:
    scene = draw("trial", (0, 1, 0), _DRAWN).clean
    if scene is None:
        raise ValueError("a drawn scene has a clean image")
    return scene


def _read(path: Path) -> Image:
    try:
        image = read_image(path)
    except ImageError as error:
        raise UserError(str(error)) from error
    if min(image.shape[:2]) < max(max(size) for size in SIZES):
        raise UserError(f"{path}: is {image.shape[1]}x{image.shape[0]}, expected at least 128 pixels each way")
    return np.ascontiguousarray(image)
