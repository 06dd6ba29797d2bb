"""Merge the shards of a run into the run that one machine would have made.

Nothing is done again: files are linked (copied where they cannot be), and all numbers are computed from the evidence.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.api.conclude import conclude
from bench.api.verify import open_datasets, recorded_tasks
from bench.errors import UserError
from bench.io.files import atomic, safe_name
from bench.io.lock import locked
from bench.runner.workload import failure_order
from bench.runs.card import RunCard, write_card
from bench.runs.finished_shards import (
    FinishedShard,
    check_alike,
    check_complete,
    joined_images,
    open_shard,
    read_failures,
    read_timings,
)
from bench.runs.folder import RunStore
from bench.runs.result import WorkDone
from bench.runs.rows import Row
from bench.scoring.scores import RunResult
from synth.datasets.dataset import open_dataset
from synth.datasets.merge import IMAGE_FILES, finish_merged


def merge_runs(out: Path, shards: Sequence[Path]) -> RunResult:
    """Join the shards of a run into a new folder.

    Examples:
        >>> from pathlib import Path
        >>> from bench.api import load_suite, merge_runs, override, run_suite
        >>> from bench.runs.shards import Shard
        >>> suite = override(load_suite("streets"), count=12, derainers=["rain", "classical"], tasks=["quality"])
        >>> parts = [run_suite(suite, Path(f"shard{n}"), shard=Shard(n, 2)) for n in (1, 2)]
        >>> merge_runs(Path("whole"), [Path("shard1"), Path("shard2")]).failures
        []

    Args:
        out: A new folder; what is in it afterwards is as if one machine had done it all, but for the card, which
            names the shards.
        shards: Run folders, one a shard, in any order.

    Raises:
        UserError: A shard is missing, doubled, unfinished, changed, or was made of something else than the others.
    """
    parts = sorted((open_shard(folder) for folder in shards), key=lambda part: part.shard.number)
    check_complete(parts)
    check_alike(parts)
    if out.exists() and any(out.iterdir()):
        raise UserError(f"{out}: is not empty; give a new folder to merge into")
    chosen = {name: joined_images(name, parts) for name in parts[0].card.tasks_of}
    with locked(out):
        store = RunStore(out)
        for part in parts:
            _gather(part, store)
        for name, ids in chosen.items():
            finish_merged(store.data_folder(name), ids, [open_dataset(part.store.data_folder(name)) for part in parts])
        card = _card(parts, chosen)
        write_card(out, card)
        datasets = open_datasets(store, card)
        done = _work_of(parts, card)
        done.datasets = datasets
        result = conclude(store, card, done, recorded_tasks(card, datasets))
    if result.scores.failures:
        raise UserError(result.scores.failures[0].reason)
    return result


def _card(parts: Sequence[FinishedShard], chosen: dict[str, list[str]]) -> RunCard:
    told = [
        {
            "shard": str(part.shard),
            "device": part.card.device,
            "machine": dict(part.card.machine),
            "images": {name: len(ids) for name, ids in part.card.chosen.items()},
        }
        for part in parts
    ]
    counts = {name: len(ids) for name, ids in chosen.items()}
    return parts[0].card.model_copy(update={"shard": None, "shards": told, "chosen": chosen, "datasets": counts})


def _work_of(parts: Sequence[FinishedShard], card: RunCard) -> WorkDone:
    """Join the failures of the shards, in the order of the suite, and their times."""
    done = WorkDone()
    failures = [one for part in parts for one in read_failures(part) if one.stage != "summarise"]
    done.failures = sorted(failures, key=failure_order(card.chosen, card.rows, card.tasks_of))
    for timing in (one for part in parts for one in read_timings(part)):
        done.seconds[timing.row] += [timing.seconds_per_image] * timing.images
    return done


def _gather(part: FinishedShard, store: RunStore) -> None:
    for name, tasks in part.card.tasks_of.items():
        ours, theirs = store.data_folder(name), part.store.data_folder(name)
        for id in part.card.chosen[name]:
            for form in IMAGE_FILES:
                _link(theirs / form.format(safe_name(id)), ours / form.format(safe_name(id)))
            for derainer in part.card.rows:
                row = Row(name, derainer)
                _link(part.store.restored_path(row, id), store.restored_path(row, id))
                for row in (Row(name, derainer, task) for task in tasks):
                    for file in (f"{safe_name(id)}.json", f"{safe_name(id)}.png"):
                        _link(part.store.evidence_folder(row) / file, store.evidence_folder(row) / file)


def _link(source: Path, target: Path) -> None:
    if not source.is_file():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        with atomic(target) as file:
            shutil.copyfile(source, file)
