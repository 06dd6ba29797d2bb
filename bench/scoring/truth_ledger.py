"""Account for a run's truth: every labelled object and pixel is scored, ignored by rule, or excluded for a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from bench.protocols import AccountsForTruth
from bench.runs.records import read_table
from bench.scoring.task_on_dataset import TaskOnDataset

TRUTH = "truth.csv"
"""The ledger's file in a run folder."""

SCORED, GIVEN, NOT_CHOSEN = "scored", "given", "not chosen"
IGNORED = frozenset({"crowd", "not labelled"})
"""Fates that a rule of the task asks for."""
_MOST_NAMED = 8


@dataclass(frozen=True)
class TruthLine:
    """One line of ``truth.csv``.

    Attributes:
        dataset: Name of the dataset.
        task: Name of the task; empty for what the label file holds and what of it the dataset got.
        counted: ``objects`` or ``pixels``.
        fate: ``scored`` (``given`` to the tasks, for a label file), or why not.
        label: The class; empty where the fate has none.
        count: How many.
    """

    dataset: str
    task: str
    counted: str
    fate: str
    label: str
    count: int


COLUMNS = list(TruthLine.__annotations__)


def task_lines(question: TaskOnDataset) -> list[TruthLine]:
    """Account for the labels of all images of one dataset in one task; none if the task cannot tell.

    Every scored class has a line, also if no image has it.
    """
    task, dataset = question.task, question.dataset
    if not isinstance(task, AccountsForTruth):
        return []
    counts: Counter[tuple[str, str]] = Counter(dict.fromkeys(((SCORED, name) for name in task.scored_names), 0))
    for id in dataset.ids:
        counts.update(task.account(dataset.truth(id)))
    return [
        TruthLine(dataset.name, question.name, task.counted, fate, label, count)
        for (fate, label), count in counts.items()
    ]


@dataclass(frozen=True)
class LabelFiles:
    """What became of the truth in a dataset's label files.

    Attributes:
        counted: ``objects`` or ``pixels``.
        fates: What the source says of all of them; empty if it says nothing.
        rendered: How many are in the finished dataset, crowds and pixels that are not labelled among them.
    """

    counted: str
    fates: Mapping[str, int]
    rendered: int


def file_lines(dataset: str, files: LabelFiles, shard: bool = False) -> list[TruthLine]:
    """Account for the objects or the pixels of one dataset's label files.

    What the source gave and the dataset lacks is of images that could not be rendered; or, in a shard, of images that
    are another shard's.
    """
    if not files.fates:
        return []
    found = Counter(files.fates)
    lost = found["given"] + found["crowd"] - files.rendered
    found["given"], found["crowd"] = files.rendered, 0
    found[NOT_CHOSEN if shard else "image not rendered"] += lost
    return [TruthLine(dataset, "", files.counted, fate, "", count) for fate, count in found.items() if count]


def truth_frame(lines: Sequence[TruthLine]) -> pd.DataFrame:
    """Make the table ``truth.csv``."""
    return pd.DataFrame([asdict(line) for line in lines], columns=COLUMNS)


def read_truth(root: Path) -> list[TruthLine]:
    """Read ``truth.csv`` of a run; empty if it has none.

    Raises:
        UserError: The file is damaged or lacks a column.
    """
    frame = read_table(root / TRUTH, COLUMNS)
    return [
        TruthLine(**{name: str(row[name]) for name in COLUMNS[:-1]}, count=int(row["count"]))
        for row in ({str(name): cell for name, cell in line.items()} for line in frame.to_dict("records"))
    ]


def scored_count(lines: Iterable[TruthLine], dataset: str, task: str) -> int | None:
    """Count what one task scores of one dataset's truth; None if the task does not account for it."""
    own = [line for line in lines if (line.dataset, line.task) == (dataset, task)]
    return sum(line.count for line in own if line.fate == SCORED) if own else None


def excluded_lines(lines: Sequence[TruthLine]) -> list[str]:
    """Say, in one line a dataset and task, what of the truth is excluded and why; none where nothing is."""
    found: list[str] = []
    for dataset, task, counted in dict.fromkeys((line.dataset, line.task, line.counted) for line in lines):
        of_it = [line for line in lines if (line.dataset, line.task, line.counted) == (dataset, task, counted)]
        own = [line for line in of_it if line.fate != NOT_CHOSEN]
        out = [line for line in own if line.fate not in (SCORED, GIVEN) and line.fate not in IGNORED and line.count]
        if out:
            total, sum_out = sum(line.count for line in own), sum(line.count for line in out)
            what = f"{task} on {dataset}" if task else f"labels of {dataset}"
            reasons = _joined([" ".join(filter(None, (str(line.count), line.label, f"({line.fate})"))) for line in out])
            found.append(f"{what}: {sum_out} of {total} true {counted} are not scored: {reasons}")
    return found


def absent_lines(lines: Sequence[TruthLine]) -> list[str]:
    """Say, in one line a dataset and task, which scored classes occur in no image."""
    found: list[str] = []
    for dataset, task in dict.fromkeys((line.dataset, line.task) for line in lines if line.task):
        scored = [line for line in lines if (line.dataset, line.task, line.fate) == (dataset, task, SCORED)]
        if absent := [line.label for line in scored if not line.count]:
            found.append(
                f"{task} on {dataset}: {len(absent)} of {len(scored)} classes are in no image: {_joined(absent)}"
            )
    return found


def notes_below(lines: Sequence[TruthLine]) -> list[str]:
    """Say what belongs below a run's tables: what is excluded, and classes of label maps that no pixel has.

    A few photographs never have all classes of objects, but a label map without a class is often saved wrongly.
    """
    return [*excluded_lines(lines), *absent_lines([line for line in lines if line.counted == "pixels"])]


def _joined(parts: Sequence[str]) -> str:
    more = [f"{len(parts) - _MOST_NAMED} more"] if len(parts) > _MOST_NAMED else []
    return ", ".join([*parts[:_MOST_NAMED], *more])
