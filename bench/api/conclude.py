"""End a run whose work is done: score it, write its tables and its card, and the digest of every file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.devices import give_back_memory
from bench.errors import UserError
from bench.io.files import read_json
from bench.protocols import Dataset, Task
from bench.runs.card import ProtocolCard, RunCard, write_card
from bench.runs.digests import write_digests
from bench.runs.folder import RunStore
from bench.runs.result import WorkDone
from bench.scoring.protocol_hash import ProtocolParts, hash_of, rain_parts
from bench.scoring.score_run import ScoredDataset, score_run
from bench.scoring.scores import RunResult, Scores
from bench.scoring.truth_ledger import LabelFiles
from bench.tables.run_files import write_results


def conclude(store: RunStore, card: RunCard, work: WorkDone, tasks: Mapping[str, Mapping[str, Task]]) -> RunResult:
    """Score a run and write all that it leaves.

    Args:
        store: The run folder.
        card: What the run says of itself; what its numbers are comparable by is added.
        work: What rendering, restoring and judging left, with the opened datasets.
        tasks: Dataset to name to task.

    Returns:
        The numbers beside the work.
    """
    scores = score_run(store, card, scored_datasets(store, work.datasets, tasks))
    give_back_memory()  # resamples of many images are large, and the tables to come do not fit into their pieces
    for row, ids in scores.judged.items():
        store.write_detections(row, {id: work.datasets[row.dataset].image_id(id) for id in ids})
    result = RunResult(work, scores)
    card = card.model_copy(update={"protocols": protocols_of(scores)})
    write_card(store.root, card)
    write_results(store.root, result, card)
    write_digests(store.root)
    return result


def scored_datasets(
    store: RunStore, datasets: Mapping[str, Dataset], tasks: Mapping[str, Mapping[str, Task]]
) -> dict[str, ScoredDataset]:
    """Put opened datasets beside their rain and their tasks, as scoring wants them.

    Raises:
        UserError: The card of a dataset is damaged.
    """
    return {
        name: ScoredDataset(dataset, *_facts(store.data_folder(name)), tasks[name])
        for name, dataset in datasets.items()
    }


def protocols_of(scores: Scores) -> dict[str, dict[str, ProtocolCard]]:
    """Make the card's entry ``protocols``: dataset to task to the parts of its protocol and their hash."""
    found: dict[str, dict[str, ProtocolCard]] = {}
    for (dataset, task), parts in scores.protocols.items():
        found.setdefault(dataset, {})[task] = ProtocolCard(hash=hash_of(parts), parts=parts)
    return found


def _facts(folder: Path) -> tuple[list[LabelFiles], ProtocolParts]:
    """Read what a dataset's card says of its label files and of its rain."""
    card = read_json(folder / "card.json")
    try:
        if not isinstance(card, dict):
            raise TypeError("no object")
        recipe = card["recipe"]
        counts = card["counts"]
        labels = [
            LabelFiles("objects", _numbers(card.get("labels", {})), int(counts["objects"])),
            LabelFiles("pixels", _numbers(card.get("label_pixels", {})), int(counts.get("label_pixels", 0))),
        ]
        rain = rain_parts(str(card["renderer"]), str(recipe["rain"]), float(recipe["severity"]), int(recipe["seed"]))
        return labels, rain
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{folder / 'card.json'}: damaged ({error!r}); build the dataset again") from error


def _numbers(fates: Mapping[object, object]) -> dict[str, int]:
    return {str(fate): int(str(count)) for fate, count in fates.items()}
