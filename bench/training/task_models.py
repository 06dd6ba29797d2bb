"""Train task models on drawn scenes, or on what a derainer restored, and measure them on held-out ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from bench.contract import Classes, ClassSpace, Options, Photograph, Sample
from bench.errors import UserError
from bench.io.files import safe_name
from bench.io.training.plan import TrainingPlan, kept_plan, plan_within
from bench.io.training.state import StepCallback, save_weights
from bench.protocols import Source, Task
from bench.training.card import card_of, command_of, place_of, start_from
from bench.training.config import check_plannable
from bench.training.restored import RestoredImages, open_restored
from bench.training.task_config import TaskModelTraining, changes_of, load_task_training, task_training_names
from synth import SOURCES
from tasks import TASKS
from tasks.training.loop import TaskModelJob, measure_speed, train
from tasks.training.networks import NETWORKS
from tasks.training.settings import TaskModelSettings

__all__ = [
    "DrawnScenes",
    "TaskModelTraining",
    "draw_scenes",
    "load_task_training",
    "measure_model",
    "plan_task_model",
    "restored_scenes",
    "task_training_names",
    "train_task_model",
]

_BATCH = 8  # images judged at once


@dataclass(frozen=True)
class DrawnScenes:
    """Photographs in memory, without their depth, and the classes of their labels.

    Attributes:
        photographs: What is trained on.
        classes: The classes of their labels.
        restored: The images of a finished run that these are, and others of it to measure on; None for the training's
            own scenes.
    """

    photographs: Sequence[Photograph]
    classes: Classes
    restored: tuple[RestoredImages, RestoredImages] | None = None

    @property
    def facts(self) -> dict[str, object]:
        """Say in place of a training's scenes, for its identity and card, which restored images these are."""
        if self.restored is None:
            return {}
        images = self.restored[0]
        return {"scenes": {"run": place_of(images.store.root), "images": images.name, "digest": images.digest}}

    def weights_name(self, training: TaskModelTraining) -> str:
        """Name the weights: after the training, and after the row whose images they were trained on."""
        return f"{training.name}-{safe_name(self.restored[0].row.derainer)}" if self.restored else training.name


def train_task_model(
    training: TaskModelTraining,
    out: Path,
    scenes: DrawnScenes | None = None,
    after_step: StepCallback | None = None,
    start: Path | None = None,
    plan: TrainingPlan | None = None,
) -> dict[str, object]:
    """Train one task model, measure it on held-out scenes and write its weights; go on where it was stopped.

    Args:
        training: Network, settings and scenes.
        out: Folder for checkpoint, log, weights and card.
        scenes: The training's scenes if they are drawn already.
        after_step: Called after every step.
        start: Weights of the same network to start from; their card becomes part of the new one.
        plan: The plan of :func:`plan_task_model`, whose number of steps counts.

    Returns:
        The card, as written beside the weights.

    Raises:
        UserError: Something the user has to mend.
    """
    scenes = scenes or draw_scenes(training)
    training = training.model_copy(update={"steps": plan.steps}) if plan else training
    job, begun, space = _begin(training, out, scenes, start)
    trainee = job.trainee
    progress = train(job, after_step)
    name = scenes.weights_name(training)
    card = card_of(name, progress, trainee.network) | begun
    card |= {"task": training.task, "network": training.network, "design": trainee.design, "classes": space.names}
    card |= {
        "training": json.loads(job.identity),
        "command": command_of(f"train-task {training.name}", [], changes_of(training), start) + _on(scenes),
        **({"plan": asdict(plan)} if plan else {}),
    }
    save_weights(out, name, trainee.network, card)
    card["quality"] = _quality(training, scenes, out / f"{name}.safetensors")
    return save_weights(out, name, trainee.network, card)


def plan_task_model(
    training: TaskModelTraining, out: Path, scenes: DrawnScenes, minutes: float, start: Path | None = None
) -> TrainingPlan:
    """Plan how many steps of one training fit into some minutes, from the speed measured here and now.

    The plan is kept in ``out``, where the same training finds it when it goes on.

    Args:
        training: Network, settings and scenes; its number of steps does not count.
        out: Folder of the training.
        scenes: The training's scenes.
        minutes: Time of the training, measuring included, drawing the scenes not.
        start: Weights to start from.

    Raises:
        UserError: No step fits, the schedule is no cosine, or the folder holds the plan of another training.
    """
    check_plannable(training)
    job, _, _ = _begin(training, out, scenes, start)
    make = partial(plan_within, minutes, training.every, partial(measure_speed, job))
    return kept_plan(out, job.identity, minutes, make)


def _begin(
    training: TaskModelTraining, out: Path, scenes: DrawnScenes, start: Path | None
) -> tuple[TaskModelJob, dict[str, object], ClassSpace]:
    """Build the network of one training; return the training, the card's facts about its start, and the classes."""
    import torch

    space = _space_of(training, scenes.classes)
    torch.manual_seed(training.seed)
    trainee = NETWORKS[training.network](space.names)
    begun = start_from(trainee.network, start)
    settings = training.model_dump(mode="json") | ({"start": begun["start"]} if start else {}) | scenes.facts
    identity = json.dumps(settings, sort_keys=True)
    return TaskModelJob(TaskModelSettings.of(training), trainee, scenes.photographs, out, identity), begun, space


def _on(scenes: DrawnScenes) -> str:
    """Write the option of the command line that chose restored images; empty for the training's scenes."""
    if scenes.restored is None:
        return ""
    images = scenes.restored[0]
    return f" --restored {place_of(images.store.root)}:{images.row.derainer}"


def _quality(training: TaskModelTraining, scenes: DrawnScenes, weights: Path) -> dict[str, object]:
    """Measure trained weights, which need their card beside them, on the held-out scenes."""
    model = f"trained:{weights}"
    if scenes.restored:
        held_out = scenes.restored[1]
        return {"scenes": held_out.name, **measure_model(training.task, model, held_out)}
    chosen = training.scenes
    told = f"{chosen.source} {json.dumps({**chosen.parameters, **chosen.held_out}, sort_keys=True)}"
    return {"scenes": told, **measure_model(training.task, model, _open(training, held_out=True))}


def draw_scenes(training: TaskModelTraining) -> DrawnScenes:
    """Draw the scenes of one training into memory: about 0.6 MB each at 480x288."""
    source = _open(training)
    return DrawnScenes([replace(source.load(id), depth=None) for id in source.ids], source.classes)


def restored_scenes(run: Path, row: str) -> DrawnScenes:
    """Read what a row of a finished run restored into memory, in place of a training's drawn scenes.

    Args:
        run: The folder of a run of two datasets: the first is trained on, the second measured on.
        row: A row of the run, ``rain`` for the rainy images.

    Raises:
        UserError: See :func:`bench.training.restored.open_restored`; or the run lacks an image.
    """
    train, held_out = open_restored(run, row)
    return DrawnScenes([train.load(id) for id in train.ids], train.classes, (train, held_out))


def measure_model(task: str, model: str, source: Source) -> dict[str, float]:
    """Measure one task model on the clean images of a source.

    Args:
        task: ``detection``, ``instances`` or ``semantic``.
        model: ``BACKEND:CHECKPOINT``.
        source: Labelled photographs.

    Returns:
        Metric to value, rounded to four digits, in the task's units.
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


def _open(training: TaskModelTraining, held_out: bool = False) -> Source:
    scenes = training.scenes
    parameters = {**scenes.parameters, **(scenes.held_out if held_out else {})}
    return SOURCES.load(SOURCES.find(scenes.source))(None, parameters)


def _space_of(training: TaskModelTraining, classes: Classes) -> ClassSpace:
    space = classes.labels if training.task == "semantic" else classes.instances
    if space is None:
        raise UserError(
            f"training {training.name}: source {training.scenes.source!r} has no labels for {training.task}"
        )
    return space
