"""Verify a finished run: every file against its digest, every number against its evidence, without any model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.api.conclude import protocols_of, scored_datasets
from bench.contract import Classes
from bench.errors import ImageError, UserError
from bench.protocols import Task, version_of
from bench.runs.card import SCHEMA, RunCard, TaskCard, read_card
from bench.runs.digests import check_digests
from bench.runs.folder import RunStore
from bench.runs.records import read_records
from bench.runs.result import WorkDone
from bench.scoring.protocol_hash import hash_of
from bench.scoring.score_run import score_run
from bench.scoring.scores import RunResult, Scores
from bench.scoring.verification import compare_frames, compare_records
from bench.tables.run_files import FROM_THIS_TIME, result_frames
from synth.datasets.dataset import FolderDataset, open_dataset
from tasks import TASKS
from tasks.retrained import frozen_name, retrained_task


def verify_run(out: Path) -> list[str]:
    """Compare every file of a run with its digest, and every number with its evidence; needs no model.

    Examples:
        >>> from pathlib import Path
        >>> from bench.api import verify_run
        >>> verify_run(Path("run1"))
        []

    Returns:
        One line a fault; empty if the run can be believed.

    Raises:
        UserError: The folder holds no finished run.
    """
    faults = check_digests(out)
    try:
        card = read_card(out)
        if card.schema_version != SCHEMA:
            again = "give the run's command again; what is there is not done again"
            return [*faults, f"card.json: of schema {card.schema_version}, this version knows {SCHEMA}: {again}"]
        return faults + _differences(out, card)
    except (ImageError, UserError) as error:
        return [*faults, str(error)]


def _differences(out: Path, card: RunCard) -> list[str]:
    """Score the run again and compare what is written with it."""
    store = RunStore(out)
    datasets = open_datasets(store, card)
    scores = score_run(store, card, scored_datasets(store, datasets, recorded_tasks(card, datasets)))
    faults = [f"{one.dataset} {one.derainer} {one.task}: {one.reason}" for one in scores.failures]
    faults += _protocol_faults(card, scores)
    faults += compare_records(read_records(out), scores.records)
    for name, frame in result_frames(RunResult(WorkDone(), scores), card):
        if name not in ("records.csv", *FROM_THIS_TIME) and not name.startswith("tables/"):
            faults += compare_frames(name, out / name, frame)
    return faults


def open_datasets(store: RunStore, card: RunCard) -> dict[str, FolderDataset]:
    """Open the datasets of a run folder.

    Raises:
        UserError: One is absent or damaged.
    """
    return {name: open_dataset(store.data_folder(name)) for name in card.tasks_of}


def recorded_tasks(card: RunCard, datasets: dict[str, FolderDataset]) -> dict[str, dict[str, Task]]:
    """Make the tasks of a finished run from what its card says of their scoring: they score without their models.

    Raises:
        UserError: A task is unknown, or the card's parameters are not such as it takes,
            or the task has another version now.
    """
    found: dict[str, dict[str, Task]] = {}
    for name, tasks in card.tasks.items():
        for task, rules in tasks.items():
            made = recorded_task(task, rules, datasets[name].classes)
            if (version := version_of(made)) != rules.version:
                raise UserError(
                    f"task {task}: the run's numbers are of version {rules.version or 'none'}, installed is version "
                    f"{version}; give the run's command again, or install the release that made it"
                )
            found.setdefault(name, {})[task] = (
                retrained_task(dict.fromkeys(rules.by_row, made)) if rules.by_row else made
            )
    return found


def recorded_task(name: str, rules: TaskCard, classes: Classes) -> Task:
    """Make the task by whose rules a finished run scored one of its tasks: of retrained models, the frozen one.

    Raises:
        UserError: There is no such task, its package is absent, or it does not take the card's parameters.
    """
    build: Callable[..., Task] = TASKS.load(TASKS.named(frozen_name(name) if rules.by_row else name))
    return build(rules.scoring, classes)


def _protocol_faults(card: RunCard, scores: Scores) -> list[str]:
    noted = {(dataset, task): one for dataset, tasks in card.protocols.items() for task, one in tasks.items()}
    computed = {(dataset, task): one for dataset, tasks in protocols_of(scores).items() for task, one in tasks.items()}
    return [
        f"card.json: protocols.{dataset}.{task}: not what the dataset and the task give"
        for dataset, task in sorted(computed.keys() | noted.keys())
        if (dataset, task) not in noted
        or (dataset, task) not in computed
        or noted[dataset, task].hash != computed[dataset, task].hash
        or hash_of(noted[dataset, task].parts) != noted[dataset, task].hash
    ]
