"""The whole way: render, restore, judge, summarise. What is there under the right key is not done again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Literal, TypeVar

from bench.contract import Failure
from bench.errors import ImageError
from bench.protocols import Dataset, DatasetBuilder
from bench.runner.engines import Engine
from bench.runner.judge import JudgeJob, judge_step
from bench.runner.loaders import JudgeLoader, forget, kept_data
from bench.runner.outcome import Outcome
from bench.runner.plan import Plan, plan
from bench.runner.progress import Progress, Silent
from bench.runner.render import RenderJob, render_step
from bench.runner.restore import RestoreJob, restore_step
from bench.runner.workload import Workload, failure_order
from bench.runs.folder import RunStore
from bench.runs.result import RunResult
from bench.runs.rows import CLEAN, Row
from bench.runs.shards import WHOLE, Shard
from bench.scoring.summary import resample_row, summarise_row

Job = TypeVar("Job")

STEP_IMAGES = 8
"""Images that a worker takes at a time: few enough to share evenly, many enough to fill a batch."""


@dataclass(frozen=True)
class Outlook:
    """What a run would do: the answer to ``--dry-run``. Stages after rendering count rendered images only."""

    render: Plan
    restore: Plan
    judge: Plan


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
                tuple(self.work.restored_key(step.row, datasets[step.row.dataset], id) for id in step.ids),
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
                tuple(self.work.judged_key(step.row, datasets[step.row.dataset], id) for id in step.ids),
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
            for row in self.work.task_rows(datasets)
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
        rows = self.work.task_rows(datasets)
        judged = {row: [id for id in datasets[row.dataset].ids if self._is_judged(row, datasets, id)] for row in rows}
        for row, ids in judged.items():
            dataset, task = datasets[row.dataset], works[row.dataset].tasks[row.task][0]
            if not ids:
                continue
            clean_ids, count = judged.get(replace(row, derainer=CLEAN), []), len(expected[row.dataset])
            started = perf_counter()
            try:
                scored = summarise_row(self.store, row, task, dataset, ids, count, clean_ids)
                self.store.write_detections(row, {id: dataset.image_id(id) for id in ids})
            except ImageError as error:
                result.failures.append(Failure(row.dataset, row.derainer, row.task, "", "summarise", str(error)))
                continue
            result.records += scored.records
            result.per_image[row] = scored.per_image
            result.per_class += scored.per_class
            scored_at = perf_counter()
            result.resamples[row] = resample_row(
                self.store, row, task, dataset, ids, expected[row.dataset], self.work.resamples, clean_ids
            )
            result.spent["metrics"] += scored_at - started
            result.spent["statistics"] += perf_counter() - scored_at

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
                result.spent[f"{stage} reading"] += outcome.reading
                result.spent[f"{stage} writing"] += outcome.writing

    def _is_restored(self, row: Row, datasets: Mapping[str, Dataset], id: str) -> bool:
        restored = Row(row.dataset, row.derainer)
        return self.store.key(restored, id) == self.work.restored_key(row, datasets[row.dataset], id)

    def _is_judged(self, row: Row, datasets: Mapping[str, Dataset], id: str) -> bool:
        return self.store.key(row, id) == self.work.judged_key(row, datasets[row.dataset], id)
