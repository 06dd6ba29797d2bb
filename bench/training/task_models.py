"""Train task models on drawn scenes and measure them on held-out ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.contract import Classes, ClassSpace, Options, Photograph, Sample
from bench.errors import UserError
from bench.io.checkpoints import load_state, read_checkpoint
from bench.io.training_state import Progress, save_weights
from bench.protocols import Source, Task
from bench.training.card import begun_with, card_of, command_of
from bench.training.task_config import TaskTraining, load_task_training, task_changes_of, task_training_names
from synth import SOURCES
from tasks import TASKS
from tasks.training.loop import Job, Report, train
from tasks.training.networks import NETWORKS

__all__ = [
    "Progress",
    "Report",
    "Scenes",
    "TaskTraining",
    "draw_scenes",
    "load_task_training",
    "measure_model",
    "task_training_names",
    "train_task_model",
]

_BATCH = 8  # images judged at once


@dataclass(frozen=True)
class Scenes:
    """Photographs in memory, without their depth, and what their labels mean."""

    photographs: Sequence[Photograph]
    classes: Classes


def train_task_model(
    training: TaskTraining,
    out: Path,
    scenes: Scenes | None = None,
    report: Report | None = None,
    start: Path | None = None,
) -> dict[str, object]:
    """Train a task model, measure it on held-out scenes and write its weights; go on where it was stopped.

    Args:
        training: What and how.
        out: Folder for checkpoint, log, weights and card.
        scenes: The training's scenes if they are drawn already.
        report: Told every step.
        start: Weights to start from of the same network; their card becomes part of the new one.

    Returns:
        The card, as written beside the weights.

    Raises:
        UserError: Something the user has to mend.
    """
    import torch

    if training.network not in NETWORKS:
        raise UserError(
            f"training {training.name}: network: unknown {training.network!r}; known: {', '.join(NETWORKS)}"
        )
    known = training.scenes
    scenes = scenes or draw_scenes(training)
    space = _space_of(training, scenes.classes)
    torch.manual_seed(training.seed)
    trainee = NETWORKS[training.network](space.names)
    begun: dict[str, object] = {}
    if start is not None:
        load_state(trainee.network, read_checkpoint(start), str(start))
        begun = begun_with(start)
    identity = {**training.model_dump(mode="json"), **({"start": begun["start"]} if start else {})}
    job = Job(training.settings, trainee, scenes.photographs, out, json.dumps(identity, sort_keys=True))
    progress = train(job, report)
    card = card_of(training.name, progress.step, progress.seconds, "cpu", 1) | {
        "task": training.task,
        "network": training.network,
        "design": trainee.design,
        "classes": space.names,
        "training": identity,
        "command": _command_of(training, start),
        "parameters": sum(parameter.numel() for parameter in trainee.network.parameters()),
        "log": list(progress.log),
        **begun,
    }
    save_weights(out, training.name, trainee.network, card)
    held_out = _open(training, held_out=True)
    card["quality"] = {
        "scenes": f"{known.source} {json.dumps({**known.parameters, **known.held_out}, sort_keys=True)}",
        **measure_model(training.task, f"trained:{out / training.name}.safetensors", held_out),
    }
    return save_weights(out, training.name, trainee.network, card)


def _command_of(training: TaskTraining, start: Path | None) -> str:
    changes = task_changes_of(training) | ({"start": start.name} if start else {})
    return command_of(training.name, [], changes).replace(" train ", " train-task ", 1)


def draw_scenes(training: TaskTraining) -> Scenes:
    """The scenes of a training, drawn once and kept: about 0.6 MB each at 480x288."""
    source = _open(training)
    return Scenes([replace(source.load(id), depth=None) for id in source.ids], source.classes)


def measure_model(task: str, model: str, source: Source) -> dict[str, float]:
    """All measures of a task model on the clean images of a source.

    Args:
        task: ``detection``, ``instances`` or ``semantic``.
        model: ``BACKEND:CHECKPOINT``.
        source: Labelled photographs.
    """
    asked: Task = TASKS.load(TASKS.find(task))({"model": model}, source.classes)
    judge = asked.judge(Options())
    evidence, truths = {}, {}
    for start in range(0, len(source.ids), _BATCH):
        photographs = [source.load(id) for id in source.ids[start : start + _BATCH]]
        clean = [photograph.clean for photograph in photographs if photograph.clean is not None]
        samples = [
            Sample(photograph.id, image, image, photograph.truth)
            for photograph, image in zip(photographs, clean, strict=True)
        ]
        for sample, seen in zip(samples, judge(clean, samples), strict=True):
            evidence[sample.id], truths[sample.id] = seen, sample.truth
    summary = asked.summarise(evidence, truths)
    return {measure.metric: round(measure.value, 4) for measure in summary.measures}


def _open(training: TaskTraining, held_out: bool = False) -> Source:
    scenes = training.scenes
    parameters = {**scenes.parameters, **(scenes.held_out if held_out else {})}
    return SOURCES.load(SOURCES.find(scenes.source))(None, parameters)


def _space_of(training: TaskTraining, classes: Classes) -> ClassSpace:
    space = classes.labels if training.task == "semantic" else classes.instances
    if space is None:
        raise UserError(
            f"training {training.name}: source {training.scenes.source!r} has no labels for {training.task}"
        )
    return space
