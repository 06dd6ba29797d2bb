"""Measure where the time of a run goes, from rendering rain to writing the page."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import pandas as pd

from bench.api.report import write_report
from bench.api.run import run_suite
from bench.perf.conditions import conditions_here
from bench.runner.outcome import Outcome
from bench.runs.result import raise_first
from bench.scoring.scores import RunResult
from bench.suites.suite import Suite

WHOLE = "the whole"
"""Name of the line of the whole run."""


@dataclass(frozen=True)
class BudgetLine:
    """Time of one part of a run.

    Attributes:
        suite: Name of the suite that was run.
        part: Name of the part, such as ``rain`` or ``judge: detection``.
        seconds: On the clock; of ``beside`` parts the sum over threads.
        share: Share of the whole run's seconds.
        beside: True if other parts went on meanwhile; the parts where it is false add up to the whole.
    """

    suite: str
    part: str
    seconds: float
    share: float
    beside: bool


def pipeline_budget(suite: Suite, roots: Mapping[str, Path]) -> pd.DataFrame:
    """Run a suite once in this process, with intervals and page; return one row a part with the seconds it took.

    Args:
        suite: The suite to run.
        roots: Folders of photographs, by the names under which the suite asks for them.

    Raises:
        UserError: The run cannot be done, or an image fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        parts, beside, images = budget(suite, roots, Path(folder) / "run")
    whole = sum(parts.values())
    lines = [BudgetLine(suite.name, part, spent, spent / whole, False) for part, spent in parts.items()]
    lines += [BudgetLine(suite.name, part, spent, spent / whole, True) for part, spent in beside.items()]
    lines.append(BudgetLine(suite.name, WHOLE, whole, 1.0, False))
    conditions = asdict(conditions_here(images, suite.derainers))
    return pd.DataFrame([asdict(line) | conditions for line in lines])


def budget(suite: Suite, roots: Mapping[str, Path], out: Path) -> tuple[dict[str, float], dict[str, float], int]:
    """Run a suite in this process; return the seconds of every part.

    Returns:
        First, seconds on the clock, which add up to the whole: ``derain`` and tasks are the time inside the models,
        loading left out; what loading, reading and writing cost beyond that, since it was not beside the models, is a
        part of its own. Second, seconds in threads beside the models. Third, the number of images.
    """
    clock = StageClock()
    started = perf_counter()
    result = run_suite(suite, out, roots=roots, progress=clock)
    ended = perf_counter()
    write_report(out)
    reported = perf_counter() - ended
    raise_first(result.failures)
    walls, inside = clock.walls(), _seconds_inside(result)
    judged = {f"judge: {task}": seconds for task, seconds in inside.items() if task not in ("", "rain")}
    scored = sum(result.scores.spent.values())
    parts = {
        "opening": clock.begun["render"] - started,
        "rain": walls["render"],
        "derain": inside[""],
        "waiting around derain": max(0.0, walls["restore"] - inside[""]),
        **judged,
        "waiting around judges": max(0.0, walls["judge"] - sum(judged.values())),
        "metrics": result.scores.spent["metrics"],
        "statistics": result.scores.spent["statistics"],
        "slices, correlations, tables, digests": max(0.0, ended - clock.last - scored),
        "report": reported,
    }
    beside = {
        "decode before derain": result.work.spent["restore reading"],
        "encode after derain": result.work.spent["restore writing"],
        "decode before judges": result.work.spent["judge reading"],
        "encode after judges": result.work.spent["judge writing"],
    }
    images = {(row.dataset, id) for row, ids in result.scores.judged.items() for id in ids}
    return parts, beside, len(images)


class StageClock:
    """Watches a run's progress and notes when stages begin and when the last image is through."""

    def __init__(self) -> None:
        self.begun: dict[str, float] = {}
        self.last = 0.0

    def begin(self, stage: str, images: int, done: int) -> None:
        """Note when a stage begins."""
        self.begun[stage] = self.last = perf_counter()

    def advance(self, outcome: Outcome) -> None:
        """Note when an image is through."""
        self.last = perf_counter()

    def walls(self) -> dict[str, float]:
        """Return the seconds of every stage on the clock."""
        ends = [*list(self.begun.values())[1:], self.last]
        return {stage: end - start for (stage, start), end in zip(self.begun.items(), ends, strict=True)}


def _seconds_inside(result: RunResult) -> dict[str, float]:
    """Sum the seconds inside each task; inside derainers under the empty name, in rendering under ``rain``."""
    inside: dict[str, float] = {}
    for row, seconds in result.work.seconds.items():
        name = row.task if row.derainer else "rain"
        inside[name] = inside.get(name, 0.0) + sum(seconds)
    return inside
