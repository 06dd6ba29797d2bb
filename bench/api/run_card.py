"""What a run writes down of itself before it begins: ``card.json``. Knows the derainers."""

from __future__ import annotations

from collections.abc import Sequence

from bench.contract import Options
from bench.protocols import Task
from bench.registry import Entry
from bench.runner.loaders import kept_data
from bench.runner.workload import Workload
from bench.runs.provenance import accelerator, device_name, git_state, hardware, library_versions, machine
from bench.runs.shards import Shard
from bench.suites.suite import Suite
from derainers.weights import weights_of


def run_card(
    suite: Suite,
    work: Workload,
    rows: Sequence[tuple[str, Entry]],
    options: Options,
    shard: Shard,
    untrained: Sequence[str],
) -> dict[str, object]:
    """The card of a run; :class:`bench.runs.card.RunCard` is what verification reads of it.

    Args:
        suite: What is run.
        work: The same, found and checked.
        rows: Name and derainer of every row.
        options: Device.
        shard: Which share of the images it is.
        untrained: Rows with random weights.
    """
    images = {dataset.name: shard.part(kept_data(dataset.builder).ids) for dataset in work.datasets}
    tasks = {dataset.name: tuple(dataset.tasks) for dataset in work.datasets}
    files = {derainer.name: derainer.files for derainer in work.derainers}
    return {
        "suite": suite.model_dump(mode="json"),
        "datasets": {name: len(ids) for name, ids in images.items()},
        "chosen": {name: list(ids) for name, ids in images.items()},
        "severities": {name: dataset.severity for name, dataset in suite.datasets.items() if dataset.rain},
        "resamples": suite.resamples,
        "derainers": {derainer.name: derainer.fingerprint for derainer in work.derainers},
        "weights": {name: {**_weights(entry), **files.get(name, {})} for name, entry in rows},
        "tasks": {
            dataset.name: {name: _task_card(task, code) for name, (task, code) in dataset.tasks.items()}
            for dataset in work.datasets
        },
        "untrained": list(untrained),
        "device": device_name(options.device),
        "hardware": hardware(options.device),
        "accelerator": accelerator(options.device),
        "machine": machine(),
        "libraries": library_versions(),
        "commit": git_state(),
        **shard.card([derainer.name for derainer in work.derainers], tasks),
    }


def _weights(entry: Entry) -> dict[str, str]:
    """Published files of weights by name, and their SHA-256; empty where there are none, or nobody published them."""
    return {file.file: file.sha256 for file in weights_of(entry.name)} if entry.origin == "built-in" else {}


def _task_card(task: Task, code_version: str) -> dict[str, object]:
    return {
        "model": task.model,
        "protocol": task.protocol,
        "scoring": dict(task.scoring),
        "fingerprint": task.fingerprint,
        "code": code_version,
    }
