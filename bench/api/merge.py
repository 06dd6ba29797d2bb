"""Several shards of a run become the run that one machine would have made. Knows every room.

Nothing is done again: files are linked (copied where they cannot be), and all numbers are computed from the evidence.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.api.verify import conclude, questions, rescore
from bench.errors import ImageError, UserError
from bench.io.files import atomic, read_json, safe_name, write_json, write_text
from bench.io.lock import locked
from bench.runner.workload import failure_order
from bench.runs.card import ShardCard, read_run_card
from bench.runs.finished_shards import (
    Part,
    check_alike,
    check_complete,
    joined_images,
    open_part,
    read_failures,
    read_timings,
)
from bench.runs.folder import RunStore
from bench.runs.result import RunResult
from bench.runs.rows import Row
from bench.runs.shards import Shard
from synth.datasets.dataset import open_dataset
from synth.datasets.manifest import manifest_text, read_row, write_instances

_IMAGE_FILES = ("rainy/{}.png", "clean/{}.png", "labels/semantic/{}.png", "rows/{}.json")
_COUNTED = ("rendered", "objects", "label_maps")


def merge_runs(out: Path, shards: Sequence[Path]) -> RunResult:
    """Join the shards of a run.

    Args:
        out: A new folder; what is in it afterwards is as if one machine had done it all, but for the card, which
            names the shards.
        shards: Run folders, one a shard, in any order.

    Raises:
        UserError: A shard is missing, doubled, unfinished, changed, or was made of something else than the others.
    """
    parts = sorted((open_part(folder) for folder in shards), key=lambda part: part.shard.number)
    check_complete(parts)
    check_alike(parts)
    if out.exists() and any(out.iterdir()):
        raise UserError(f"{out}: is not empty; give a new folder to merge into")
    whole = parts[0].shard
    tasks = dict(whole.tasks)
    chosen = {name: joined_images(name, parts) for name in tasks}
    with locked(out):
        store = RunStore(out)
        for part in parts:
            _gather(part, store)
        for name, ids in chosen.items():
            _finish_dataset(name, ids, parts, store)
        store.write_card({**_card(parts), "chosen": chosen, "datasets": {name: len(chosen[name]) for name in tasks}})
        result = _scored(store, whole)
        failures = [one for part in parts for one in read_failures(part) if one.stage != "summarise"]
        result.failures = sorted(failures, key=failure_order(chosen, whole.derainers, tasks))
        for timing in (one for part in parts for one in read_timings(part)):
            result.seconds[timing.row] += [timing.seconds_per_image] * timing.images
        conclude(store, result, whole.derainers)
    return result


def _card(parts: Sequence[Part]) -> dict[str, object]:
    told = [
        {
            "shard": str(Shard(part.shard.number, part.shard.of)),
            "device": part.content.get("device"),
            "machine": part.content.get("machine"),
            "images": {name: len(ids) for name, ids in part.card.chosen.items()},
        }
        for part in parts
    ]
    return {**{name: value for name, value in parts[0].content.items() if name != "shard"}, "shards": told}


def _gather(part: Part, store: RunStore) -> None:
    for name, tasks in part.shard.tasks:
        ours, theirs = store.data_folder(name), part.store.data_folder(name)
        for id in part.card.chosen[name]:
            for form in _IMAGE_FILES:
                _link(theirs / form.format(safe_name(id)), ours / form.format(safe_name(id)))
            for derainer in part.shard.derainers:
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


def _finish_dataset(name: str, ids: Sequence[str], parts: Sequence[Part], store: RunStore) -> None:
    """Write manifest, labels and card as :meth:`synth.datasets.build.FolderBuilder.finish` does for a whole dataset."""
    folder = store.data_folder(name)
    datasets = [open_dataset(part.store.data_folder(name)) for part in parts]
    known = {id: row for dataset in datasets for id, row in dataset.rows.items()}
    rows = [known[id] for id in ids if id in known]
    found = ((row.id, read_row(folder / _IMAGE_FILES[-1].format(safe_name(row.id)))) for row in rows)
    labels = {id: json.dumps(content[1]) for id, content in found if content and content[1] is not None}
    if datasets[0].classes.instances is not None:
        try:
            write_instances(folder / "labels/instances.json", rows, labels, datasets[0].classes)
        except (KeyError, TypeError) as error:  # what a shard's digests vouch for may be forged with them
            raise UserError(f"{folder / 'rows'}: a shard's labels are damaged ({error!r}); run it again") from error
    write_text(folder / "manifest.csv", manifest_text(rows))
    cards = [_card_of_dataset(dataset.folder / "card.json") for dataset in datasets]
    counts = {key: sum(card["counts"][key] for card in cards) for key in _COUNTED}
    write_json(folder / "card.json", {**cards[0], "counts": {**cards[0]["counts"], **counts}})


def _card_of_dataset(path: Path) -> dict[str, Any]:
    content = read_json(path)
    card: dict[str, Any] = content if isinstance(content, dict) else {}
    counts = card.get("counts")
    if not (isinstance(counts, dict) and all(isinstance(counts.get(key), int) for key in _COUNTED)):
        raise UserError(f"{path}: damaged (expected the card of a dataset); run this shard again")
    return card


def _scored(store: RunStore, whole: ShardCard) -> RunResult:
    """All numbers, in the order of the suite."""
    card = read_run_card(store.read_card(), store.root)
    try:
        result = rescore(store, card)
        for question in questions(store, card):
            for row, ids in question.rows.items():
                if ids:
                    store.write_detections(row, {id: question.dataset.image_id(id) for id in ids})
    except ImageError as error:
        raise UserError(str(error)) from error
    datasets = [name for name, _ in whole.tasks]
    tasks = list(dict.fromkeys(task for _, names in whole.tasks for task in names))

    def place(row: Any) -> tuple[int, int, int]:  # noqa: ANN401  whatever names the three
        return tasks.index(row.task), datasets.index(row.dataset), whole.derainers.index(row.derainer)

    result.records.sort(key=place)
    result.per_class.sort(key=place)
    result.per_image = {row: result.per_image[row] for row in sorted(result.per_image, key=place)}
    result.resamples = {row: result.resamples[row] for row in sorted(result.resamples, key=place)}
    return result
