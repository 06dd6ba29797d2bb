"""Make the card of a run before it begins: the suite, the images, the keys, the machine and its versions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.contract import Options
from bench.io.training.origin import TrainedOn, trained_on
from bench.protocols import DescribesMetrics, JudgesByRow, Task
from bench.registry import Entry
from bench.runner.loaders import kept_data
from bench.runner.workload import Workload
from bench.runs.card import SCHEMA, RowModel, RunCard, RunOrder, TaskCard
from bench.runs.provenance import accelerator, device_name, git_state, hardware, library_versions, machine
from bench.runs.shards import Shard
from bench.suites.suite import Suite
from derainers.external.plugins import CheckpointEntry, PluginEntry
from derainers.weights import weights_of
from tasks.models.releases import noted_digests


def run_card(
    suite: Suite,
    work: Workload,
    entries: Sequence[Entry],
    options: Options,
    shard: Shard,
    untrained: Sequence[str],
) -> RunCard:
    """Make the card of a run that is about to begin.

    Args:
        suite: What is run.
        work: The same, found and checked.
        entries: The derainer of every row.
        options: Device.
        shard: Which share of the images it is.
        untrained: Rows with random weights.
    """
    images = {dataset.name: shard.part(kept_data(dataset.builder).ids) for dataset in work.datasets}
    rows = [derainer.name for derainer in work.derainers]
    return RunCard(
        schema_version=SCHEMA,
        suite=suite.model_dump(mode="json"),
        datasets={name: len(ids) for name, ids in images.items()},
        chosen={name: tuple(ids) for name, ids in images.items()},
        severities={name: dataset.severity for name, dataset in suite.datasets.items() if dataset.is_drawn},
        without_clean=[dataset.name for dataset in work.datasets if not kept_data(dataset.builder).has_clean],
        resamples=suite.resamples,
        derainers={derainer.name: derainer.fingerprint for derainer in work.derainers},
        weights={
            row.name: {**_weights(entry), **row.files} for row, entry in zip(work.derainers, entries, strict=True)
        },
        trained={row: found for row, entry in zip(rows, entries, strict=True) if (found := _trained_on(entry))} or None,
        tasks={
            dataset.name: {name: _task_card(task, code) for name, (task, code) in dataset.tasks.items()}
            for dataset in work.datasets
        },
        order=RunOrder(derainers=rows, tasks=[(dataset.name, tuple(dataset.tasks)) for dataset in work.datasets]),
        untrained=untrained,
        device=device_name(options.device),
        hardware=hardware(options.device),
        accelerator=accelerator(options.device),
        machine=machine(),
        libraries=library_versions(),
        commit=git_state(),
        shard=shard.card(),
    )


def released_weights(work: Workload) -> dict[str, str]:
    """Map files of task models that nobody has pinned to their SHA-256, once they are here."""
    return noted_digests({task.model for dataset in work.datasets for _, _, task in dataset.models})


def _weights(entry: Entry) -> dict[str, str]:
    """Map files of published weights, or of the user's checkpoint, to their SHA-256; empty where there are none."""
    if isinstance(entry, CheckpointEntry):
        return entry.digests()
    return {file.file: file.sha256 for file in weights_of(entry.name)} if entry.is_built_in else {}


def own_weights(entry: Entry) -> Path | None:
    """Find a row's weights that ``derainbench train`` can have made: the user's, or those that come along."""
    if isinstance(entry, PluginEntry) and entry.kind in ("trained", "checkpoint"):
        return Path(entry.value)
    shipped = [file.shipped for file in weights_of(entry.name) if file.shipped] if entry.is_built_in else []
    return next(iter(shipped), None)


def _trained_on(entry: Entry) -> TrainedOn | None:
    file = own_weights(entry)
    return trained_on(file) if file else None


def _task_card(task: Task, code_version: str) -> TaskCard:
    by_row = task.by_row if isinstance(task, JudgesByRow) else {}
    return TaskCard(
        model=task.model,
        version=task.version,
        protocol=task.protocol,
        scoring=dict(task.scoring),
        fingerprint=task.fingerprint,
        code=code_version,
        metrics=tuple(task.metrics) if isinstance(task, DescribesMetrics) else (),
        by_row={row: RowModel(model=one.model, fingerprint=one.fingerprint) for row, one in by_row.items()},
    )
