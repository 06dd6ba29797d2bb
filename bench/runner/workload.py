"""A run after its suite was resolved: datasets, derainers and tasks, ready to be loaded by workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.contract import Failure, Options
from bench.protocols import Dataset, DatasetBuilder, JudgesByRow, Task, judge_of
from bench.runner.loaders import DatasetLoader, DerainerLoader, Loader
from bench.runs.keys import judged_key, restored_key
from bench.runs.rows import Row


@dataclass(frozen=True)
class DatasetWork:
    """A dataset to be built and used: its builder, how it is opened, and its tasks with their code versions."""

    name: str
    builder: Loader[DatasetBuilder]
    dataset: DatasetLoader
    tasks: Mapping[str, tuple[Task, str]]

    @property
    def models(self) -> list[tuple[str, str, Task]]:
        """List the models: name of the task, the row that alone it judges (empty for all), and the task to load it."""
        return [
            (name, row, each)
            for name, (task, _) in self.tasks.items()
            for row, each in (task.by_row.items() if isinstance(task, JudgesByRow) else [("", task)])
        ]


@dataclass(frozen=True)
class DerainerWork:
    """A row of the table: its loader, and the text that changes whenever its images could.

    ``on_clean`` rows restore the clean images instead of the rainy ones; ``on_card`` ones are networks, which compute
    on a card where there is one. ``files`` are those of a plug-in by name, with their digests.
    """

    name: str
    loader: DerainerLoader
    fingerprint: str
    on_clean: bool = False
    on_card: bool = False
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Workload:
    """Everything a run consists of, already found and checked."""

    datasets: tuple[DatasetWork, ...]
    derainers: tuple[DerainerWork, ...]
    options: Options

    def dataset(self, name: str) -> DatasetWork:
        """Find a dataset by its name."""
        return next(work for work in self.datasets if work.name == name)

    def derainer(self, name: str) -> DerainerWork:
        """Find a row by its name."""
        return next(work for work in self.derainers if work.name == name)

    def task_rows(self, datasets: Mapping[str, Dataset]) -> list[Row]:
        """List task after task, so that each task model is loaded once."""
        tasks = dict.fromkeys(task for work in self.datasets for task in work.tasks)
        return [
            Row(work.name, derainer.name, task)
            for task in tasks
            for work in self.datasets
            if task in work.tasks and work.name in datasets
            for derainer in self.derainers
            if judge_of(work.tasks[task][0], derainer.name)
        ]

    def judge_of(self, row: Row) -> Task:
        """Find the task whose model judges a row of :meth:`task_rows`.

        Raises:
            LookupError: The task does not judge the row.
        """
        if found := judge_of(self.dataset(row.dataset).tasks[row.task][0], row.derainer):
            return found
        raise LookupError(f"{row} is not judged")

    def restored_key(self, row: Row, dataset: Dataset, id: str) -> str:
        """Build the key of the restored image of a row, whatever its task."""
        return restored_key(self.derainer(row.derainer).fingerprint, dataset.digest(id))

    def judged_key(self, row: Row, dataset: Dataset, id: str) -> str:
        """Build the key of the evidence of a row."""
        code_version = self.dataset(row.dataset).tasks[row.task][1]
        return judged_key(self.restored_key(row, dataset, id), self.judge_of(row).fingerprint, code_version)


def failure_order(
    expected: Mapping[str, Sequence[str]], derainers: Sequence[str], tasks: Mapping[str, Sequence[str]]
) -> Callable[[Failure], tuple[int, ...]]:
    """Make a key that sorts failures as the suite names its parts.

    Args:
        expected: Images of every dataset, in order.
        derainers: Rows, in order.
        tasks: Tasks of every dataset, in order.
    """
    datasets = list(expected)
    images = {name: {id: index for index, id in enumerate(ids)} for name, ids in expected.items()}
    names, stages = ["", *derainers], ["render", "restore", "judge", "summarise"]
    questions = list(dict.fromkeys(["", *(task for names in tasks.values() for task in names)]))

    def order(failure: Failure) -> tuple[int, ...]:
        return (
            datasets.index(failure.dataset),
            stages.index(failure.stage),
            questions.index(failure.task),
            names.index(failure.derainer),
            images[failure.dataset].get(failure.image, -1),
        )

    return order
