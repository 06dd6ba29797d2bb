"""Measure how busy a run keeps a GPU, with a derainer that sleeps in its place."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import pandas as pd

from bench.api.derainers import NamedRow
from bench.api.run import OpenedSuite, run_opened
from bench.contract import Options
from bench.perf import sleeper
from bench.perf.budget import StageClock
from bench.perf.conditions import conditions_here
from bench.perf.timing import medians
from bench.registry import Entry
from bench.runner.engines import STEP_IMAGES, Engine
from bench.runner.processes import local_engine
from bench.runs.result import raise_first
from bench.suites.suite import Suite, parse_suite

_SUITE = """
derainers = [{rows}]
resamples = 0
[datasets.streets]
source = "streets"
rain = "streets_y"
count = {scenes}
parameters = {{ width = {width}, height = {height} }}
[tasks.quality]
metrics = ["psnr_y", "ssim_y"]
"""


_BATCH = 3
"""Images of 640x480 that a GPU of 34 GB or more is given at once; the one process is given all of a step."""


@dataclass(frozen=True)
class CardComparison:
    """Times of a run around a stand-in for a GPU, and of the same run in one process, as runs on a GPU once were.

    Attributes:
        what: Name of what is timed and of the reference.
        seconds: The whole run, or its restoring stage, the median of the turns.
        reference_seconds: Likewise in one process.
        ratio: Reference to ours, the median of the ratios of the turns.
        busy: Share of ``seconds`` in which the stand-in worked; of the restoring stage.
        reference_busy: Likewise in one process.
    """

    what: str
    seconds: float
    reference_seconds: float
    ratio: float
    busy: float | None = None
    reference_busy: float | None = None


def card_speeds(
    workers: int, turns: int = 5, scenes: int = 48, rows: int = 6, size: tuple[int, int] = (480, 640)
) -> pd.DataFrame:
    """Time runs of drawn scenes with quality judged, in processes around a stand-in for a GPU and in one process.

    Args:
        workers: Processes beside the one with the stand-in.
        turns: Turns of which medians are taken.
        scenes: Scenes of a row.
        rows: Rows that the stand-in restores.
        size: (height, width) of the scenes.

    Returns:
        Two rows: the whole run, and its restoring stage with the share of it in which the stand-in worked.

    Raises:
        UserError: An image fails.
    """
    suite = _suite(scenes, rows, size)
    crew, alone = local_engine(workers, cards=("",)), local_engine(1)
    pairs = [(_timed(suite, crew, _BATCH), _timed(suite, alone, STEP_IMAGES)) for _ in range(turns)]
    whole = medians([(ours[0], one[0]) for ours, one in pairs])
    stage = medians([(ours[1], one[1]) for ours, one in pairs])
    slept = scenes * rows * sleeper.SECONDS
    busy, busy_alone = (slept / seconds for seconds in stage[:2])
    where = f"{size[1]}x{size[0]}, 30 ms an image on a stand-in for a GPU, {workers} processes / one process"
    lines = [
        CardComparison(f"a run at {where}", *whole),
        CardComparison(f"restoring at {where}", *stage, busy, busy_alone),
    ]
    return pd.DataFrame([asdict(line) | asdict(conditions_here(scenes, ["sleeper"] * rows)) for line in lines])


def _suite(scenes: int, rows: int, size: tuple[int, int]) -> Suite:
    """Make a suite of drawn scenes, of a size (height, width), that rows of stand-ins restore."""
    names = ", ".join(f'"sleeper{number}"' for number in range(rows))
    text = _SUITE.format(rows=names, scenes=scenes, width=size[1], height=size[0])
    return parse_suite(text, "stand-in", "stand-in")


def _timed(suite: Suite, engine: Engine, batch: int) -> tuple[float, float]:
    """Do a run; return the seconds of the whole and of its restoring stage."""
    # Entries as the networks of this project have, which are not kept apart as a user's code is.
    rows = tuple(NamedRow(name, Entry(name, f"{sleeper.__name__}:build"), False) for name in suite.derainers)
    opened, clock = OpenedSuite(suite, rows, {}, Options(batch=batch)), StageClock()
    with tempfile.TemporaryDirectory() as folder:
        started = perf_counter()
        result = run_opened(opened, Path(folder) / "run", engine, progress=clock)
        spent = perf_counter() - started
    raise_first(result.failures)
    return spent, clock.walls()["restore"]
