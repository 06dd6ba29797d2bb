"""The outcome of one image in one stage: the seconds it took, or why it failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from bench.contract import Failure
from bench.errors import reason_of
from bench.runs.rows import Row

StageName: TypeAlias = Literal["render", "restore", "judge"]


@dataclass(frozen=True)
class Outcome:
    """The outcome of one image.

    The error of a failure is not kept: it would keep what the failed attempt held in memory.

    Attributes:
        row: Which dataset, derainer and task.
        id: The image.
        seconds: In the model.
        failure: Why there is nothing; None if all went well.
        reading: Seconds of reading, in another thread beside the model.
        writing: Likewise of writing.
    """

    row: Row
    id: str
    seconds: float
    failure: Failure | None = None
    reading: float = 0.0
    writing: float = 0.0


def failed_outcome(row: Row, id: str, stage: StageName, error: Exception | SystemExit | str) -> Outcome:
    """Make the outcome of an image that an error is about, its reason in one line."""
    reason = error if isinstance(error, str) else " ".join(reason_of(error).split())
    return Outcome(row, id, 0.0, Failure(row.dataset, row.derainer, row.task, id, stage, reason))
