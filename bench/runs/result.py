"""The work of a run when it is done: failures and times. Its numbers are :class:`bench.scoring.scores.Scores`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.contract import Failure
from bench.errors import UserError
from bench.protocols import Dataset
from bench.runs.rows import Row


@dataclass
class WorkDone:
    """Failures and times that rendering, restoring and judging left behind.

    Attributes:
        failures: Images that could not be rendered, restored or judged, in the order of the suite.
        seconds: Seconds in the model, of every image of a row that was worked on this time.
        spent: Seconds of what is no model, by name: ``restore reading``, ``judge writing``, ...
        stopped: True if the first failure ended the work, as asked for.
        datasets: The finished datasets by name, opened.
    """

    failures: list[Failure] = field(default_factory=list)
    seconds: dict[Row, list[float]] = field(default_factory=lambda: defaultdict(list))
    spent: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    stopped: bool = False
    datasets: Mapping[str, Dataset] = field(default_factory=dict)


def raise_first(failures: Sequence[Failure]) -> None:
    """Raise the first failure, where a result without every image is of no use.

    Raises:
        UserError: An image could not be rendered, restored, judged or scored.
    """
    for failure in failures:
        place = (failure.dataset, failure.derainer, failure.task, failure.image)
        raise UserError(f"could not {failure.stage} {' '.join(filter(None, place))}: {failure.reason}")
