"""The whole way: render, restore, judge, summarise. What is there under the right key is not done again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, TypeVar

from bench.contract import Failure, FloatArray, Options, Record
from bench.engines import Engine
from bench.errors import ImageError
from bench.keys import judged_key, restored_key
from bench.plan import Plan, Row, plan
from bench.protocols import Dataset, DatasetBuilder, Task
from bench.shards import WHOLE, Shard
from bench.store import RunStore
from bench.summary import CLEAN, PerClass, PerImage, resample_row, summarise_row
from bench.work import (
    DatasetLoader,
    DerainerLoader,
    JudgeJob,
    JudgeLoader,
    Loader,
    Outcome,
    RenderJob,
    RestoreJob,
    forget,
    judge_step,
    kept_data,
    render_step,
    restore_step,
)

Job = TypeVar("Job")

STEP_IMAGES = 8
"""Images that a worker takes at a time: few enough to share evenly, many enough to fill a batch."""


class Progress(Protocol):
    """Told how far the run is; the command line draws bars."""

    def begin(self, stage: str, images: int, done: int) -> None:
        """A stage has ``images`` to do; ``done`` more were found finished."""
        ...

    def advance(self, outcome: Outcome) -> None:
        """One image is through."""
        ...


class Silent:
    """Progress that nobody watches."""

    def begin(self, stage: str, images: int, done: int) -> None:
        """Ignore."""

    def advance(self, outcome: Outcome) -> None:
        """Ignore."""


@dataclass(frozen=True)
class DatasetWork:
    """A dataset to be built and used: its builder, how it is opened, and its tasks with their code versions."""

    name: str
    builder: Loader[DatasetBuilder]
    dataset: DatasetLoader
    tasks: Mapping[str, tuple[Task, str]]


@dataclass(frozen=True)
class DerainerWork:
    """A row of the table: its loader, and the text that changes whenever its images could.

    ``on_clean`` rows restore the clean images instead of the rainy ones.
    """

    name: str
    loader: DerainerLoader
    fingerprint: str
    on_clean: bool = False


@dataclass(frozen=True)
class Workload:
    """Everything a run consists of, already found and checked."""

    datasets: tuple[DatasetWork, ...]
    derainers: tuple[DerainerWork, ...]
    options: Options
    resamples: int = 0


@dataclass(frozen=True)
class Outlook:
    """What a run would do: the answer to ``--dry-run``. Stages after rendering count rendered images only."""

    render: Plan
    restore: Plan
    judge: Plan


@dataclass
class RunResult:
    """What a run found out."""

    records: list[Record] = field(default_factory=list)
    per_image: list[PerImage] = field(default_factory=list)
    per_class: list[PerClass] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    resamples: dict[Row, Mapping[str, FloatArray]] = field(default_factory=dict)
    seconds: dict[Row, list[float]] = field(default_factory=lambda: defaultdict(list))
    stopped: bool = False
    """Whether the first failure ended the work, as asked for."""


@dataclass(frozen=True)
class Runner:
    """Runs a workload into a run folder.

    Attributes:
        work: What is to be done.
        store: The run folder.
        engine: Where steps run.
        progress: Who is told.
        batch: Images that a model is given at once, where it can bear it.
        shard: Which of the chosen images are this run's.
        rebuild: True does everything again.
        only_missing: True never replaces a restored image or evidence; what was made with another derainer, model
            or image is left and is a failure.
        fail_fast: True begins nothing more after the first failure, and summarises what is there.
    """

    work: Workload
    store: RunStore
    engine: Engine
    progress: Progress = field(default_factory=Silent)
    batch: int = 1
    shard: Shard = WHOLE
    rebuild: bool = False
    only_missing: bool = False
    fail_fast: bool = False

    def outlook(self) -> Outlook:
        """Plan without doing anything."""
        builders: dict[str, DatasetBuilder] = {work.name: kept_data(work.builder) for work in self.work.datasets}
        forget()
        datasets = {
            work.name: work.dataset() for work in self.work.datasets if (work.dataset.folder / "manifest.csv").is_file()
        }
        return Outlook(self._plan_rendering(builders), self._plan_restoring(datasets), self._plan_judging(datasets))

    def run(self) -> RunResult:
        """Do what is missing, then summarise everything.

        Returns:
            Records and failures, in the order of the suite whatever the order of the work.
        """
        result = RunResult()
        try:
            datasets, expected = self._render(result)
            self._restore(datasets, result)
            self._judge(datasets, result)
            self._summarise(datasets, expected, result)
        finally:
            forget()
        tasks = {work.name: tuple(work.tasks) for work in self.work.datasets}
        result.failures.sort(key=failure_order(expected, [work.name for work in self.work.derainers], tasks))
        return result

    def build(self) -> tuple[dict[str, Dataset], list[Failure]]:
        """Render the datasets and nothing more."""
        result = RunResult()
        try:
            datasets, _ = self._render(result)
        finally:
            forget()
        return datasets, result.failures

    def _render(self, result: RunResult) -> tuple[dict[str, Dataset], dict[str, Sequence[str]]]:
        builders: dict[str, DatasetBuilder] = {work.name: kept_data(work.builder) for work in self.work.datasets}
        planned = self._plan_rendering(builders)
        loaders = {work.name: work.builder for work in self.work.datasets}
        jobs = [RenderJob(step, loaders[step.row.dataset]) for step in planned.steps]
        self._do("render", render_step, jobs, planned, result)
        for builder in builders.values():
            builder.finish()
        expected = {name: self.shard.part(builder.ids) for name, builder in builders.items()}
        builders.clear()
        forget()  # the sources with all their labels; from now on only the finished folders are read
        return {work.name: kept_data(work.dataset) for work in self.work.datasets}, expected

    def _plan_rendering(self, builders: Mapping[str, DatasetBuilder]) -> Plan:
        missing = {name: set(builder.ids if self.rebuild else builder.missing()) for name, builder in builders.items()}
        rows = [(Row(name), self.shard.part(builder.ids)) for name, builder in builders.items()]
        return plan(rows, lambda row, id: id not in missing[row.dataset], STEP_IMAGES)

    def _restore(self, datasets: Mapping[str, Dataset], result: RunResult) -> None:
        planned = self._plan_restoring(datasets)
        self._note_stale("restore", planned, result)
        works = {work.name: work for work in self.work.derainers}
        places = {work.name: work.dataset for work in self.work.datasets}
        jobs = [
            RestoreJob(
                step,
                tuple(self._restored_key(step.row, datasets[step.row.dataset], id) for id in step.ids),
                self.store,
                places[step.row.dataset],
                works[step.row.derainer].loader,
                self.batch,
                works[step.row.derainer].on_clean,
            )
            for step in planned.steps
        ]
        self._do("restore", restore_step, jobs, planned, result)

    def _plan_restoring(self, datasets: Mapping[str, Dataset]) -> Plan:
        rows = [
            (Row(name, derainer.name), dataset.ids)
            for derainer in self.work.derainers
            for name, dataset in datasets.items()
        ]
        return self._plan(rows, lambda row, id: self._is_restored(row, datasets, id))

    def _judge(self, datasets: Mapping[str, Dataset], result: RunResult) -> None:
        planned = self._plan_judging(datasets)
        self._note_stale("judge", planned, result)
        works = {work.name: work for work in self.work.datasets}
        jobs = [
            JudgeJob(
                step,
                tuple(self._judged_key(step.row, datasets[step.row.dataset], id) for id in step.ids),
                self.store,
                works[step.row.dataset].dataset,
                JudgeLoader(works[step.row.dataset].tasks[step.row.task][0], self.work.options),
                self.batch,
            )
            for step in planned.steps
        ]
        self._do("judge", judge_step, jobs, planned, result)

    def _plan_judging(self, datasets: Mapping[str, Dataset]) -> Plan:
        rows = [
            (row, [id for id in datasets[row.dataset].ids if self._is_restored(row, datasets, id)])
            for row in self._task_rows(datasets)
        ]
        return self._plan(rows, lambda row, id: self._is_judged(row, datasets, id))

    def _plan(self, rows: Sequence[tuple[Row, Sequence[str]]], is_done: Callable[[Row, str], bool]) -> Plan:
        def is_stale(row: Row, id: str) -> bool:
            return self.only_missing and self.store.key(row, id) != ""

        return plan(rows, lambda row, id: not self.rebuild and is_done(row, id), STEP_IMAGES, is_stale)

    def _note_stale(self, stage: Literal["restore", "judge"], planned: Plan, result: RunResult) -> None:
        reason = "there, but made with another derainer, model, image or code; run without --only-missing to replace it"
        result.failures += [
            Failure(row.dataset, row.derainer, row.task, id, stage, reason) for row, id in planned.stale
        ]

    def _summarise(
        self, datasets: Mapping[str, Dataset], expected: Mapping[str, Sequence[str]], result: RunResult
    ) -> None:
        works = {work.name: work for work in self.work.datasets}
        rows = self._task_rows(datasets)
        judged = {row: [id for id in datasets[row.dataset].ids if self._is_judged(row, datasets, id)] for row in rows}
        for row, ids in judged.items():
            dataset, task = datasets[row.dataset], works[row.dataset].tasks[row.task][0]
            if not ids:
                continue
            clean_ids, count = judged.get(replace(row, derainer=CLEAN), []), len(expected[row.dataset])
            try:
                scored = summarise_row(self.store, row, task, dataset, ids, count, clean_ids)
                self.store.write_detections(row, {id: dataset.image_id(id) for id in ids})
            except ImageError as error:
                result.failures.append(Failure(row.dataset, row.derainer, row.task, "", "summarise", str(error)))
                continue
            result.records += scored.records
            result.per_image += scored.per_image
            result.per_class += scored.per_class
            result.resamples[row] = resample_row(
                self.store, row, task, dataset, ids, expected[row.dataset], self.work.resamples, clean_ids
            )

    def _task_rows(self, datasets: Mapping[str, Dataset]) -> list[Row]:
        """Task after task, so that each task model is loaded once."""
        tasks = dict.fromkeys(task for work in self.work.datasets for task in work.tasks)
        return [
            Row(work.name, derainer.name, task)
            for task in tasks
            for work in self.work.datasets
            if task in work.tasks and work.name in datasets
            for derainer in self.work.derainers
        ]

    def _do(
        self,
        stage: str,
        work: Callable[[Job], Iterator[Outcome]],
        jobs: Sequence[Job],
        planned: Plan,
        result: RunResult,
    ) -> None:
        if result.stopped:
            return
        self.progress.begin(stage, planned.images, planned.done)
        for outcome in self.engine.run(work, jobs):
            self.progress.advance(outcome)
            if outcome.failure:
                result.failures.append(outcome.failure)
                if self.fail_fast:
                    result.stopped = True
                    return
            else:
                result.seconds[outcome.row].append(outcome.seconds)

    def _restored_key(self, row: Row, dataset: Dataset, id: str) -> str:
        fingerprint = next(work.fingerprint for work in self.work.derainers if work.name == row.derainer)
        return restored_key(fingerprint, dataset.digest(id))

    def _judged_key(self, row: Row, dataset: Dataset, id: str) -> str:
        tasks = next(work.tasks for work in self.work.datasets if work.name == row.dataset)
        task, code_version = tasks[row.task]
        return judged_key(self._restored_key(row, dataset, id), task.fingerprint, code_version)

    def _is_restored(self, row: Row, datasets: Mapping[str, Dataset], id: str) -> bool:
        restored = Row(row.dataset, row.derainer)
        return self.store.key(restored, id) == self._restored_key(row, datasets[row.dataset], id)

    def _is_judged(self, row: Row, datasets: Mapping[str, Dataset], id: str) -> bool:
        return self.store.key(row, id) == self._judged_key(row, datasets[row.dataset], id)


def failure_order(
    expected: Mapping[str, Sequence[str]], derainers: Sequence[str], tasks: Mapping[str, Sequence[str]]
) -> Callable[[Failure], tuple[int, ...]]:
    """A key that sorts failures as the suite names its parts.

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
