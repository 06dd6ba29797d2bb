"""Run a workload: render rain, restore images, judge them; skip what is in the run folder under the same key."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from bench.contract import Failure
from bench.protocols import Dataset, DatasetBuilder
from bench.runner.batches import ONE, BatchRule
from bench.runner.engines import Engine
from bench.runner.judge import JudgeStage
from bench.runner.loaders import forget, kept_data
from bench.runner.outcome import Outcome, StageName
from bench.runner.plan import Plan, plan
from bench.runner.progress import Progress, Silent
from bench.runner.render import RenderStage
from bench.runner.restore import RestoreStage
from bench.runner.restore_and_judge import RestoreAndJudge, Rows, restore_or_judge
from bench.runner.stage_job import Stage
from bench.runner.workload import Workload, failure_order
from bench.runs.folder import RunStore
from bench.runs.result import WorkDone
from bench.runs.rows import Row
from bench.runs.shards import WHOLE, Shard

Existing: TypeAlias = Literal["reuse", "rebuild", "keep"]
"""Treatment of results that are in the folder: reuse those under the right key; rebuild all; or keep everything, where
a result of another derainer, model or image is a failure."""

_STALE = "there, but made with another derainer, model, image or code; run without --only-missing to replace it"


@dataclass(frozen=True)
class RunPlan:
    """Images that each stage of a run would do; stages after rendering count rendered images only."""

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
        rule: How many images a model on a card is given at once, where it can bear it.
        shard: Which of the chosen images are this run's.
        existing: What becomes of results that are there.
        fail_fast: True begins nothing more after the first failure.
    """

    work: Workload
    store: RunStore
    engine: Engine
    progress: Progress = field(default_factory=Silent)
    rule: BatchRule = ONE
    shard: Shard = WHOLE
    existing: Existing = "reuse"
    fail_fast: bool = False

    def plan(self) -> RunPlan:
        """Plan the run without doing anything."""
        builders: dict[str, DatasetBuilder] = {work.name: kept_data(work.builder) for work in self.work.datasets}
        forget()
        datasets = {
            work.name: work.dataset() for work in self.work.datasets if (work.dataset.folder / "manifest.csv").is_file()
        }
        stages = self._rendering(builders), self._restoring(datasets), self._judging(datasets)
        return RunPlan(*(self._planned(stage, stage.rows()) for stage in stages))

    def run(self) -> WorkDone:
        """Render, restore and judge what is missing.

        Returns:
            Failures, in the order of the suite whatever the order of the work; times; the finished datasets.
        """
        done = WorkDone()
        try:
            done.datasets, expected = self._render(done)
            self._restore_and_judge(done)
        finally:
            self.engine.close()
            forget()
        tasks = {work.name: tuple(work.tasks) for work in self.work.datasets}
        done.failures.sort(key=failure_order(expected, [work.name for work in self.work.derainers], tasks))
        return done

    def build(self) -> WorkDone:
        """Render the datasets and nothing more."""
        done = WorkDone()
        try:
            done.datasets, _ = self._render(done)
        finally:
            self.engine.close()
            forget()
        return done

    def _rendering(self, builders: Mapping[str, DatasetBuilder]) -> RenderStage:
        loaders = {work.name: work.builder for work in self.work.datasets}
        missing = {name: frozenset(builder.missing()) for name, builder in builders.items()}
        return RenderStage(loaders, builders, missing, self.shard)

    def _restoring(self, datasets: Mapping[str, Dataset]) -> RestoreStage:
        return RestoreStage(self.work, self.store, datasets, self.rule)

    def _judging(self, datasets: Mapping[str, Dataset]) -> JudgeStage:
        return JudgeStage(self.work, self.store, datasets, self.rule)

    def _render(self, done: WorkDone) -> tuple[dict[str, Dataset], dict[str, Sequence[str]]]:
        """Render what is missing; open the finished datasets, and list the images that each should have."""
        builders: dict[str, DatasetBuilder] = {work.name: kept_data(work.builder) for work in self.work.datasets}
        rendering = self._rendering(builders)
        planned = self._planned(rendering, rendering.rows())
        self.progress.begin(rendering.name, planned.images, planned.done)
        for outcome in self.engine.run(rendering.run, deque(map(rendering.job, planned.steps))):
            self.progress.advance(outcome)
            if self._ends(outcome, rendering.name, done):
                break
        for builder in builders.values():
            builder.finish()
        expected = {name: self.shard.part(builder.ids) for name, builder in builders.items()}
        builders.clear()
        forget()  # the sources with all their labels; from now on only the finished folders are read
        return {work.name: kept_data(work.dataset) for work in self.work.datasets}, expected

    def _restore_and_judge(self, done: WorkDone) -> None:
        if done.stopped:
            return
        restoring, judging = self._restoring(done.datasets), self._judging(done.datasets)
        queue = RestoreAndJudge(restoring, judging, self._planned, self.progress, self.fail_fast)
        for outcome in self.engine.run(restore_or_judge, queue.jobs):
            queue.advance(outcome)
            if self._ends(outcome, "judge" if outcome.row.task else "restore", done):
                break
        done.failures += [
            Failure(row.dataset, row.derainer, row.task, id, stage, _STALE) for stage, row, id in queue.stale
        ]

    def _planned(self, stage: Stage[Any], rows: Rows) -> Plan:
        def chunk(row: Row) -> int:
            return self.engine.images_a_job(stage.on_card(row))

        if self.existing == "rebuild":
            return plan(rows, lambda row, id: False, chunk)
        is_stale = stage.is_there if self.existing == "keep" else lambda row, id: False
        return plan(rows, stage.is_done, chunk, is_stale)

    def _ends(self, outcome: Outcome, stage: StageName, done: WorkDone) -> bool:
        """Note an outcome; return True if nothing more is to be begun."""
        if outcome.failure is None:
            done.seconds[outcome.row].append(outcome.seconds)
            done.spent[f"{stage} reading"] += outcome.reading
            done.spent[f"{stage} writing"] += outcome.writing
        else:
            done.failures.append(outcome.failure)
            done.stopped = done.stopped or self.fail_fast
        return done.stopped
