"""A run as numbers, from evidence and labels alone: with neither models nor GPU. Knows every room.

Here a run ends (slices, protocols), and here its verification computes everything again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.contract import Record
from bench.errors import ImageError, UserError
from bench.io.files import read_json
from bench.protocols import Task
from bench.runs.card import SCHEMA, RunCard, TaskCard, described_in, read_run_card
from bench.runs.digests import check_digests, write_digests
from bench.runs.folder import RunStore
from bench.runs.keys import judged_key, restored_key
from bench.runs.records import read_records
from bench.runs.result import RunResult
from bench.runs.rows import CLEAN, Row
from bench.scoring.protocol_hash import Parts, hash_of, parts_of, rain_parts
from bench.scoring.slices import SliceMeasure, find_slices, slice_row
from bench.scoring.summary import resample_row, summarise_row
from bench.scoring.verification import compare_frames, compare_records
from bench.tables.run_files import FROM_THIS_TIME, result_frames, write_results
from synth.datasets.dataset import FolderDataset, open_dataset
from tasks import TASKS


@dataclass(frozen=True)
class Question:
    """One task on one dataset of a run.

    Attributes:
        name: The task's name in the run.
        dataset: The labels.
        task: Knows how to score; its model is only on record.
        card: What the run's card says of it.
        rows: Rows to their images with the run's evidence.
    """

    name: str
    dataset: FolderDataset
    task: Task
    card: TaskCard
    rows: Mapping[Row, Sequence[str]]


def verify_run(out: Path) -> list[str]:
    """Compare every file of a run with its digest, and every number with its evidence; needs no model.

    Returns:
        One line a fault; empty if the run can be believed.

    Raises:
        UserError: The folder holds no finished run.
    """
    store = RunStore(out)
    faults = check_digests(out)
    try:
        card = read_run_card(store.read_card(), out)
        if card.schema_version != SCHEMA:
            again = "give the run's command again; what is there is not done again"
            return [*faults, f"card.json: of schema {card.schema_version}, this version knows {SCHEMA}: {again}"]
        result = rescore(store, card)
        slices = finish(store, card, result)
        faults += _protocol_faults(store, card)
        faults += compare_records(read_records(out), result.records)
        frames = result_frames(
            result, slices, list(card.derainers), card.severities, card.resamples, described_in(card)
        )
        for name, frame in frames:
            if name not in ("records.csv", *FROM_THIS_TIME) and not name.startswith("tables/"):
                faults += compare_frames(name, out / name, frame)
    except (ImageError, UserError) as error:
        faults.append(str(error))
    return faults


def conclude(store: RunStore, result: RunResult, derainers: Sequence[str]) -> None:
    """End a run whose card is written: what is comparable into the card, all tables, the digest of every file.

    Args:
        store: The run folder.
        result: What the run found out; completed here.
        derainers: Rows in order.
    """
    content = store.read_card()
    card = read_run_card(content, store.root)
    slices = finish(store, card, result)
    parts: dict[str, dict[str, object]] = {}
    for (dataset, task), found in protocols(store, card).items():
        parts.setdefault(dataset, {})[task] = {"hash": hash_of(found), "parts": found}
    store.write_card({**content, "schema_version": SCHEMA, "protocols": parts})
    write_results(store.root, result, slices, derainers, card.severities, card.resamples, described_in(card))
    write_digests(store.root)


def rescore(store: RunStore, card: RunCard) -> RunResult:
    """Compute a run's numbers from its evidence.

    Raises:
        ImageError: Evidence is absent or damaged.
        UserError: A dataset is.
    """
    result = RunResult()
    for question in questions(store, card):
        for row, ids in question.rows.items():
            if not ids:
                continue
            dataset, task = question.dataset, question.task
            clean_ids = question.rows.get(replace(row, derainer=CLEAN), ())
            scored = summarise_row(store, row, task, dataset, ids, card.datasets[row.dataset], clean_ids)
            result.records += [
                replace(record, model=question.card.model, protocol=question.card.protocol) for record in scored.records
            ]
            result.per_image[row] = scored.per_image
            result.per_class += scored.per_class
            chosen = card.chosen.get(row.dataset, dataset.ids)
            result.resamples[row] = resample_row(store, row, task, dataset, ids, chosen, card.resamples, clean_ids)
    return result


def finish(store: RunStore, card: RunCard, result: RunResult) -> list[SliceMeasure]:
    """Add to a run's records what is known only at its end: their protocol hashes and the mark of untrained rows.

    Returns:
        Slices by the attributes of the images.
    """
    slices = _slices(store, card, result.records)
    hashes = {place: hash_of(parts) for place, parts in protocols(store, card).items()}
    result.records = [
        replace(
            record,
            protocol_hash=hashes.get((record.dataset, record.task), ""),
            untrained=record.derainer in card.untrained,
        )
        for record in result.records
    ]
    return slices


def protocols(store: RunStore, card: RunCard) -> dict[tuple[str, str], Parts]:
    """(Dataset, task) to what its numbers are comparable by, of all datasets that are there."""
    found: dict[tuple[str, str], Parts] = {}
    for name, tasks in card.tasks.items():
        folder = store.data_folder(name)
        if not (folder / "card.json").is_file():
            continue
        dataset, rain = open_dataset(folder), _rain(folder)
        digests = [dataset.digest(id) for id in dataset.ids]
        found |= {(name, task): parts_of(task, noted, rain, digests) for task, noted in tasks.items()}
    return found


def questions(store: RunStore, card: RunCard) -> Iterator[Question]:
    """Every task on every dataset, with the images that have the run's evidence.

    Raises:
        UserError: A dataset is absent or damaged.
    """
    for name in card.tasks:
        yield from _questions_about(name, open_dataset(store.data_folder(name)), store, card)


def _questions_about(name: str, dataset: FolderDataset, store: RunStore, card: RunCard) -> Iterator[Question]:
    for task_name, noted in card.tasks[name].items():
        build: Callable[..., Task] = TASKS.load(TASKS.named(task_name))
        task = build(noted.scoring, dataset.classes)
        rows = {Row(name, derainer, task_name): text for derainer, text in card.derainers.items()}
        judged = {row: _judged_ids(store, row, text, noted, dataset) for row, text in rows.items()}
        yield Question(task_name, dataset, task, noted, judged)


def _slices(store: RunStore, card: RunCard, records: Sequence[Record]) -> list[SliceMeasure]:
    found: list[SliceMeasure] = []
    order = list(dict.fromkeys(record.derainer for record in records))
    for name in card.tasks:
        if not (store.data_folder(name) / "card.json").is_file():
            continue
        dataset = open_dataset(store.data_folder(name))
        slices = find_slices({id: row.attributes for id, row in dataset.rows.items()})
        if not slices:
            continue
        for question in _questions_about(name, dataset, store, card):
            for row in (Row(name, derainer, question.name) for derainer in order):
                ours = [r for r in records if Row(r.dataset, r.derainer, r.task) == row]
                ids = question.rows.get(row, ())
                if ours and ids:
                    found += slice_row(store, row, question.task, dataset, ids, slices, ours, card.resamples)
    return found


def _protocol_faults(store: RunStore, card: RunCard) -> list[str]:
    computed = {place: hash_of(parts) for place, parts in protocols(store, card).items()}
    noted = {(dataset, task): part for dataset, tasks in card.protocols.items() for task, part in tasks.items()}
    return [
        f"card.json: protocols.{dataset}.{task}: not what the dataset and the task give"
        for dataset, task in sorted(computed.keys() | noted.keys())
        if (dataset, task) not in noted
        or noted[dataset, task].hash != computed.get((dataset, task))
        or hash_of(noted[dataset, task].parts) != noted[dataset, task].hash
    ]


def _rain(folder: Path) -> Parts:
    card = read_json(folder / "card.json")
    try:
        if not isinstance(card, dict):
            raise TypeError("no object")
        recipe = card["recipe"]
        return rain_parts(str(card["renderer"]), str(recipe["rain"]), float(recipe["severity"]), int(recipe["seed"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{folder / 'card.json'}: damaged ({error!r}); build the dataset again") from error


def _judged_ids(store: RunStore, row: Row, fingerprint: str, noted: TaskCard, dataset: FolderDataset) -> list[str]:
    """Images whose evidence is that of the run."""
    keys = {
        id: judged_key(restored_key(fingerprint, dataset.digest(id)), noted.fingerprint, noted.code)
        for id in dataset.ids
    }
    return [id for id in dataset.ids if store.key(row, id) == keys[id]]
