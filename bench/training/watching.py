"""Watch a training with a task: restore labelled photographs at every checkpoint and let a model look at them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from bench.contract import Evidence, Image, Options, Sample, Truth
from bench.errors import ImageError, UserError, did_you_mean
from bench.io.files import key_of
from bench.io.isolation import GuestRoom
from bench.io.metrics import metrics_of
from bench.io.names import portable_name
from bench.protocols import Judge, Task
from bench.training.card import place_of
from derainers.training.checkpoints import save_weights
from derainers.training.networks import TrainableDerainer
from derainers.training.watch import Restore, Watch
from synth.datasets.dataset import FolderDataset, open_dataset
from tasks import TASKS

Taken = TypeVar("Taken")

WATCHED = 40
"""Number of photographs that are judged at every checkpoint, evenly taken from the dataset."""
_TASKS = ("detection", "instances", "semantic")


@dataclass(frozen=True)
class Watched:
    """What is to watch a training.

    Attributes:
        task: ``detection``, ``instances`` or ``semantic``.
        model: The task's model, ``BACKEND:CHECKPOINT``.
        folder: A dataset that ``derainbench build`` made, or one in ``data/`` of a run.
    """

    task: str
    model: str
    folder: Path

    def options(self) -> dict[str, str]:
        """List the options of the command line that ask for it, with values that tell nothing of whose machine."""
        return {"watch": f"{self.task}={portable_name(self.model)}", "watch-on": place_of(self.folder)}


@dataclass(frozen=True)
class TaskScore:
    """The main score of a task on some photographs of a dataset; see :class:`derainers.training.watch.Watch`.

    Attributes:
        metric: Name of the score: ``AP``, ``mask_AP`` or ``mIoU``.
        task: The task, made for the dataset's classes.
        judge: Its loaded model.
        room: Where the model runs: threads and random states of the training stay as they are.
        dataset: The labelled photographs, rained on.
        ids: Those that are judged.
    """

    metric: str
    task: Task
    judge: Judge
    room: GuestRoom
    dataset: FolderDataset
    ids: Sequence[str]

    def __call__(self, restore: Restore) -> float:
        """Restore the photographs and judge them; NaN where the score is undefined.

        Args:
            restore: Restores one rainy image.

        Raises:
            UserError: A file of the dataset is damaged, or the model cannot look at an image.
        """
        return self._score({id: restore(self._load(id).rainy) for id in self.ids})

    def clean(self) -> float:
        """Judge the photographs before the rain; NaN where the dataset has none."""
        originals = {id: self._load(id).clean for id in self.ids}
        images = {id: image for id, image in originals.items() if image is not None}
        return self._score(images) if len(images) == len(self.ids) else math.nan

    def facts(self) -> dict[str, object]:
        """Task, model and photographs as the card states them: these were looked at while training."""
        return {
            "task": self.task.name,
            "model": self.task.model,
            "fingerprint": self.task.fingerprint,
            "metric": self.metric,
            "set": self.dataset.name,
            "folder": place_of(self.dataset.folder),
            "photographs": list(self.ids),
            "digest": key_of(*((id, self.dataset.digest(id)) for id in self.ids)),
        }

    def _score(self, images: dict[str, Image]) -> float:
        evidence: dict[str, Evidence] = {}
        truths: dict[str, Truth] = {}
        for id, image in images.items():
            truths[id] = self._load(id).truth
            evidence[id] = self._look(Sample(id, image, None, truths[id]))
        measures = self.task.summarise(evidence, truths).measures
        return next((measure.value for measure in measures if measure.metric == self.metric), math.nan)

    def _look(self, sample: Sample) -> Evidence:
        try:
            (found,) = self.room.run(self.judge, [sample.rainy], [sample])
        except ImageError as error:
            raise UserError(f"--watch {self.task.name}: {sample.id}: {error}") from error
        return found

    def _load(self, id: str) -> Sample:
        try:
            return self.dataset.load(id)
        except ImageError as error:
            raise UserError(f"--watch-on {self.dataset.folder}: {error}") from error


def watched_from(text: str, folder: Path | None) -> Watched | None:
    """Read the options ``--watch TASK=BACKEND:CHECKPOINT`` and ``--watch-on DIR``; None if neither is given.

    Raises:
        UserError: One is given without the other, the text has another form, or no such task can watch.
    """
    if not text and folder is None:
        return None
    task, _, model = text.partition("=")
    if not text or folder is None:
        raise UserError(
            "--watch TASK=BACKEND:CHECKPOINT needs --watch-on DIR, a dataset that 'derainbench build' made, and the "
            f"other way round; --watch{'-on' if text else ''} is missing"
        )
    if not model:
        raise UserError(f"--watch {text}: expected TASK=BACKEND:CHECKPOINT such as detection=ultralytics:yolov8n.pt")
    if task not in _TASKS:
        raise UserError(f"--watch {text}: no task with a model is called {task!r}. {did_you_mean(task, _TASKS)}")
    return Watched(task, model, folder)


def open_watch(watched: Watched, options: Options) -> TaskScore:
    """Load the model that is to watch a training, and find the photographs.

    Args:
        watched: Task, model and dataset.
        options: The device of the model.

    Raises:
        UserError: The dataset is none, the model cannot be had, or they have no labels or no class in common.
    """
    dataset = open_dataset(watched.folder)
    task: Task = TASKS.load(TASKS.named(watched.task))({"model": watched.model}, dataset.classes)
    room = GuestRoom()
    judge = room.run(task.judge, options)
    metric = next(metric.name for metric in metrics_of(watched.task) if metric.main)
    return TaskScore(metric, task, judge, room, dataset, evenly_taken(dataset.ids, WATCHED))


def evenly_taken(ids: Sequence[Taken], most: int) -> list[Taken]:
    """Choose so many ids or numbers at even distances, the first among them; all where there are no more."""
    wanted = min(most, len(ids))
    return [ids[place * len(ids) // wanted] for place in range(wanted)]


def baseline_of(score: TaskScore) -> dict[str, float]:
    """Judge the photographs in the rain and before it: between the two lies what a derainer can do.

    Raises:
        UserError: The score is undefined: no photograph has a label that counts.
    """
    rain, clean = score(lambda rainy: rainy), score.clean()
    if math.isnan(rain):
        raise UserError(
            f"--watch-on {score.dataset.folder}: none of {len(score.ids)} photographs has a label that counts for task "
            f"{score.task.name}, so there is no {score.metric}; build the dataset of others"
        )
    return {"rain": round(rain, 2), **({} if math.isnan(clean) else {"clean": round(clean, 2)})}


def save_best(
    card: Mapping[str, Any],
    watch: Watch,
    log: Sequence[Mapping[str, float]],
    trainee: TrainableDerainer,
    measure: Callable[[TrainableDerainer], object],
    folder: Path,
) -> dict[str, Any]:
    """Write the weights that see best as ``NAME-best.safetensors``, with a card of their own.

    Args:
        card: The card of the last weights, with the facts of the watch.
        watch: The watch of the finished training.
        log: Rows of the log.
        trainee: The trained network.
        measure: Measures the quality of a network for the card.
        folder: Folder of both files.

    Returns:
        The card of the last weights, which names step, score and file of the best.

    Raises:
        UserError: A weight does not fit half precision.
    """
    row, name = watch.best_row(log), f"{card['name']}-best"
    step = int(row["step"])
    seen = {"step": step, "score": round(row[watch.metric], 2), "file": f"{name}.safetensors"}
    whole = {**card, "watch": {**card["watch"], "best": seen}}
    best = replace(trainee, network=watch.best)
    save_weights(folder, name, best, {**whole, "name": name, "steps": step, "quality": measure(best)})
    return whole
