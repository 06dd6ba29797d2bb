"""Score a run: turn its stored evidence into every number, with neither models nor GPU.

A run's end, ``verify`` and ``merge`` all come here, so that a verification computes what the run computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

from bench.contract import Failure
from bench.errors import ImageError
from bench.protocols import Dataset, Task
from bench.runs.card import RunCard
from bench.runs.folder import RunStore
from bench.runs.keys import judged_key, restored_key
from bench.runs.rows import Row
from bench.scoring.common_images import score_common
from bench.scoring.protocol_hash import ProtocolParts, hash_of, parts_of
from bench.scoring.scores import Scores
from bench.scoring.slices import find_slices, slice_row
from bench.scoring.summary import resample_row, summarise_row
from bench.scoring.task_on_dataset import TaskOnDataset
from bench.scoring.truth_ledger import LabelFiles, TruthLine, excluded_lines, file_lines, scored_count, task_lines


@dataclass(frozen=True)
class ScoredDataset:
    """A dataset of a run as scoring needs it.

    Attributes:
        dataset: Its labels.
        labels: What became of the truth in its label files.
        rain: What the dataset's card says of its rain (:func:`bench.scoring.protocol_hash.rain_parts`).
        tasks: Name to task; their models are never loaded.
    """

    dataset: Dataset
    labels: Sequence[LabelFiles]
    rain: ProtocolParts
    tasks: Mapping[str, Task]


def score_run(store: RunStore, card: RunCard, datasets: Mapping[str, ScoredDataset]) -> Scores:
    """Compute every number of a run from its evidence.

    Args:
        store: The run folder.
        card: Its card: rows, tasks, the images expected, and the keys of valid evidence.
        datasets: Name to opened dataset, all of the card's.

    Returns:
        Everything in the order of the suite. A row whose evidence is damaged is a failure of stage ``summarise``.
    """
    scores = Scores(spent={"metrics": 0.0, "statistics": 0.0})
    for name, opened in datasets.items():
        sharded = card.shard is not None
        scores.truth += [line for files in opened.labels for line in file_lines(name, files, sharded)]
    questions = list(_questions(store, card, datasets))
    for question in questions:
        name, digests = question.dataset.name, [question.dataset.digest(id) for id in question.dataset.ids]
        rules = card.tasks[name][question.name]
        scores.protocols[name, question.name] = parts_of(question.name, rules, datasets[name].rain, digests)
        truth = task_lines(question)
        scores.truth += truth
        for row, ids in question.judged.items():
            if ids and scored_count(truth, name, question.name) == 0:
                scores.unscored.append(_unscored(row, truth))
            elif ids:
                _score_row(scores, question, row, card)
        started = perf_counter()
        rows = [row for row in question.judged if row in scores.judged]
        scores.common |= score_common(question, rows, card.resamples)
        scores.spent["statistics"] += perf_counter() - started
    for question in sorted(questions, key=lambda one: (one.dataset.name, one.name)):
        _slice_rows(scores, question, card)
    return scores


def _questions(store: RunStore, card: RunCard, datasets: Mapping[str, ScoredDataset]) -> Iterator[TaskOnDataset]:
    """Yield task after task, each on every dataset that has it: the order of a run's tables."""
    tasks = dict.fromkeys(task for names in card.tasks_of.values() for task in names)
    for task in tasks:
        for name in card.tasks_of:
            if task not in card.tasks[name]:
                continue
            rules, opened = card.tasks[name][task], datasets[name]
            rows = {
                Row(name, derainer, task): (card.derainers[derainer], model.fingerprint)
                for derainer in card.rows
                if (model := rules.judge_of(derainer))
            }
            judged = {row: _judged(store, row, texts, rules.code, opened.dataset) for row, texts in rows.items()}
            chosen = card.chosen.get(name, opened.dataset.ids)
            yield TaskOnDataset(store, task, rules, opened.tasks[task], opened.dataset, chosen, judged)


def _judged(store: RunStore, row: Row, fingerprints: tuple[str, str], code: str, dataset: Dataset) -> list[str]:
    """List the images whose evidence is that of the run, by their keys: of the derainer, and of the model."""
    derainer, model = fingerprints
    keys = {id: judged_key(restored_key(derainer, dataset.digest(id)), model, code) for id in dataset.ids}
    return [id for id in dataset.ids if store.key(row, id) == keys[id]]


def _unscored(row: Row, truth: Sequence[TruthLine]) -> Failure:
    why = "; ".join(excluded_lines(truth)) or "no image has an object or a pixel of a scored class that is not ignored"
    return Failure(row.dataset, row.derainer, row.task, "", "summarise", f"nothing is left to score against: {why}")


def _score_row(scores: Scores, question: TaskOnDataset, row: Row, card: RunCard) -> None:
    started = perf_counter()
    try:
        found = summarise_row(question, row)
        summarised = perf_counter()
        drawn = resample_row(question, row, card.resamples)
    except ImageError as error:
        scores.failures.append(Failure(row.dataset, row.derainer, row.task, "", "summarise", str(error)))
        return
    scores.spent["metrics"] += summarised - started
    scores.spent["statistics"] += perf_counter() - summarised
    hashed = hash_of(scores.protocols[row.dataset, row.task])
    untrained, own_guide = row.derainer in card.untrained, row.task in (card.own_guides or {}).get(row.derainer, ())
    scores.records += [
        replace(one, protocol_hash=hashed, untrained=untrained, own_guide=own_guide) for one in found.records
    ]
    scores.per_image[row] = found.per_image
    scores.per_class += found.per_class
    scores.resamples[row] = drawn
    scores.judged[row] = question.judged[row]


def _slice_rows(scores: Scores, question: TaskOnDataset, card: RunCard) -> None:
    """Add a task's main metrics on groups of images that share an attribute's value."""
    slices = find_slices({id: question.dataset.attributes(id) for id in question.dataset.ids})
    for row in question.judged if slices else ():
        records = [one for one in scores.records if Row(one.dataset, one.derainer, one.task) == row]
        if records:
            scores.slices += slice_row(question, row, slices, records, card.resamples)
