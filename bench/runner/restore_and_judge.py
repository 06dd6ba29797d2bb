"""The queue of a run's restoring and judging: what needs no card is judged while a card restores the next images."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from bench.runner.engines import STEP_IMAGES
from bench.runner.judge import JudgeStage
from bench.runner.outcome import Outcome
from bench.runner.plan import Plan
from bench.runner.progress import Progress
from bench.runner.restore import RestoreStage
from bench.runner.stage_job import Stage, StageJob
from bench.runs.rows import Row

Rows: TypeAlias = Sequence[tuple[Row, Sequence[str]]]
Planner: TypeAlias = Callable[[Stage[Any], Rows], Plan]
"""Plans what a stage has to do of some rows with their images."""


class RestoreAndJudge:
    """Queues the jobs of two stages; an engine empties the queue while outcomes fill it.

    Judging that is arithmetic alone begins when a few images of a row are restored, for it takes cores that a card
    leaves idle. Judging by models begins when all is restored, so that each model is loaded once. Progress is told of
    one stage after the other all the same.

    Attributes:
        jobs: What is to be done next.
        stale: Restored images and evidence that are there under another key, and have to stay.

    Args:
        restoring: The first stage.
        judging: The second.
        planned: How a stage is planned.
        progress: Who is told.
        in_turn: True judges nothing before all is restored.
    """

    def __init__(
        self, restoring: RestoreStage, judging: JudgeStage, planned: Planner, progress: Progress, in_turn: bool
    ) -> None:
        self._judging, self._planned, self._progress = judging, planned, progress
        first = planned(restoring, restoring.rows())
        self.jobs: deque[StageJob[Any]] = deque(map(restoring.job, first.steps))
        self.stale = [(restoring.name, *one) for one in first.stale]
        self._left = first.images
        self._soon = {} if in_turn else _rows_without_model(judging)
        self._fresh: dict[Row, list[str]] = defaultdict(list)
        self._begun: dict[Row, set[str]] = defaultdict(set)
        self._early: list[Outcome] = []
        self._images = self._done = 0
        progress.begin(restoring.name, first.images, first.done)
        if not self._left:
            self._judge_the_rest()

    def advance(self, outcome: Outcome) -> None:
        """Tell of an image that is through, and queue what can be judged now."""
        if outcome.row.task and self._left:
            self._early.append(outcome)
            return
        self._progress.advance(outcome)
        if outcome.row.task:
            return
        self._left -= 1
        if outcome.failure is None:
            self._judge_soon(outcome.row, outcome.id)
        if not self._left:
            self._judge_the_rest()

    def _judge_soon(self, restored: Row, id: str) -> None:
        fresh = self._fresh[restored]
        fresh.append(id)
        if len(fresh) < STEP_IMAGES:
            return
        rows = [(row, tuple(fresh)) for row in self._soon.get(restored, ())]
        for row, ids in rows:
            self._begun[row].update(ids)
        self._judge(rows)
        fresh.clear()

    def _judge_the_rest(self) -> None:
        rows = [(row, [id for id in ids if id not in self._begun[row]]) for row, ids in self._judging.rows()]
        self._judge(rows)
        self._progress.begin(self._judging.name, self._images, self._done)
        for outcome in self._early:
            self._progress.advance(outcome)
        self._early.clear()

    def _judge(self, rows: Rows) -> None:
        plan = self._planned(self._judging, rows)
        self._images += plan.images
        self._done += plan.done
        self.stale += [(self._judging.name, *one) for one in plan.stale]
        self.jobs.extend(map(self._judging.job, plan.steps))


def _rows_without_model(judging: JudgeStage) -> dict[Row, list[Row]]:
    """List, for every restored row, the rows of judging that are arithmetic alone."""
    found: dict[Row, list[Row]] = defaultdict(list)
    for row in judging.work.task_rows(judging.datasets):
        if not judging.on_card(row):
            found[Row(row.dataset, row.derainer)].append(row)
    return found


def restore_or_judge(job: StageJob[Any]) -> Iterator[Outcome]:
    """Do a job of either stage, in whatever process: one outcome an image."""
    return JudgeStage.run(job) if job.stage == JudgeStage.name else RestoreStage.run(job)
