"""The outcome of one image in one stage: seconds spent, or the failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from bench.contract import Failure
from bench.runner.batches import Result, failed
from bench.runs.rows import Row

Stage: TypeAlias = Literal["render", "restore", "judge"]


@dataclass(frozen=True)
class Outcome:
    """What became of one image: seconds in the model, beside it of reading and writing, and the failure if any."""

    row: Row
    id: str
    seconds: float
    failure: Failure | None = None
    reading: float = 0.0
    writing: float = 0.0


def _failed(row: Row, id: str, stage: Stage, error: Exception | SystemExit) -> Outcome:
    return _outcome(row, stage, failed(id, error))


def _outcome(row: Row, stage: Stage, result: Result) -> Outcome:
    place = (row.dataset, row.derainer, row.task, result.id, stage)
    failure = None if result.failure is None else Failure(*place, result.failure)
    return Outcome(row, result.id, result.seconds, failure, result.reading, result.writing)
