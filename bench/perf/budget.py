"""Where the time of a run goes, from rain to the page. Knows the rooms, like :mod:`bench.api.run`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import pandas as pd

from bench.api.report import write_report
from bench.api.run import run_suite
from bench.errors import UserError
from bench.runner.outcome import Outcome
from bench.runs.provenance import hardware
from bench.scoring.scores import RunResult
from bench.suites.suite import Suite

WHOLE = "the whole"


@dataclass(frozen=True)
class Part:
    """One line of the budget.

    Attributes:
        suite: What was run.
        part: Of the run.
        seconds: On the clock; of ``beside`` parts the sum over threads.
        share: Of the whole.
        beside: Whether other parts went on meanwhile; the others add up to the whole.
        images: Of all datasets together.
        derainers: Rows of the table, by comma.
        cores: On which this process may run.
        processor: Its name.
    """

    suite: str
    part: str
    seconds: float
    share: float
    beside: bool
    images: int
    derainers: str
    cores: int
    processor: str


def pipeline_budget(suite: Suite, roots: Mapping[str, Path]) -> pd.DataFrame:
    """Run a suite once in this process, with intervals and page, and tell where its time went.

    Args:
        suite: What is run.
        roots: Folders of photographs.
    """
    with tempfile.TemporaryDirectory() as folder:
        parts, beside, images = budget(suite, roots, Path(folder) / "run")
    whole = sum(parts.values())
    names = (images, ",".join(suite.derainers), len(os.sched_getaffinity(0)), hardware("cpu"))
    rows = [Part(suite.name, part, spent, spent / whole, False, *names) for part, spent in parts.items()]
    rows += [Part(suite.name, part, spent, spent / whole, True, *names) for part, spent in beside.items()]
    return pd.DataFrame([asdict(row) for row in [*rows, Part(suite.name, WHOLE, whole, 1.0, False, *names)]])


def budget(suite: Suite, roots: Mapping[str, Path], out: Path) -> tuple[dict[str, float], dict[str, float], int]:
    """Run here and tell the seconds of every part.

    Returns:
        Seconds on the clock, which add up to the whole: ``derain`` and tasks are the time inside the models, loading
        left out; what loading, reading and writing cost beyond that, since it was not beside the models, is a part
        of its own. Then seconds in threads beside the models. Then the number of images.
    """
    watch = _Stopwatch()
    started = perf_counter()
    result = run_suite(suite, out, roots=roots, progress=watch)
    ended = perf_counter()
    write_report(out)
    reported = perf_counter() - ended
    if failures := result.failures:
        raise UserError(f"{failures[0].derainer} {failures[0].image}: {failures[0].reason}")
    walls, inside = watch.walls(), _seconds_inside(result)
    judged = {f"judge: {task}": seconds for task, seconds in inside.items() if task not in ("", "rain")}
    scored = sum(result.scores.spent.values())
    parts = {
        "opening": watch.begun["render"] - started,
        "rain": walls["render"],
        "derain": inside[""],
        "waiting around derain": max(0.0, walls["restore"] - inside[""]),
        **judged,
        "waiting around judges": max(0.0, walls["judge"] - sum(judged.values())),
        "metrics": result.scores.spent["metrics"],
        "statistics": result.scores.spent["statistics"],
        "slices, correlations, tables, digests": max(0.0, ended - watch.last - scored),
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


class _Stopwatch:
    """Notes when stages begin and when the last image is through."""

    def __init__(self) -> None:
        self.begun: dict[str, float] = {}
        self.last = 0.0

    def begin(self, stage: str, images: int, done: int) -> None:
        self.begun[stage] = self.last = perf_counter()

    def advance(self, outcome: Outcome) -> None:
        self.last = perf_counter()

    def walls(self) -> dict[str, float]:
        """Seconds of every stage."""
        ends = [*list(self.begun.values())[1:], self.last]
        return {stage: end - start for (stage, start), end in zip(self.begun.items(), ends, strict=True)}


def _seconds_inside(result: RunResult) -> dict[str, float]:
    """Task to seconds inside it; those inside derainers under the empty name, of rendering under ``rain``."""
    inside: dict[str, float] = {}
    for row, seconds in result.work.seconds.items():
        name = row.task if row.derainer else "rain"
        inside[name] = inside.get(name, 0.0) + sum(seconds)
    return inside
