"""How much memory a whole run holds at most, and how that grows with the number of images. Knows the rooms."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from bench.api.report import write_report
from bench.api.run import run_suite
from bench.errors import UserError
from bench.perf.memory import open_memory, restart_peak
from bench.runner.outcome import Outcome
from bench.suites.suite import Suite, load_suite, override

SIZES = (100, 500, 2000)
"""Numbers of images that are tried unless said otherwise."""
DERAINERS = ("rain", "classical", "clean")
TASKS = ("quality", "detection", "semantic")
WHOLE = "whole"
"""The stage of all stages."""


@dataclass(frozen=True)
class Held:
    """One line of the figures.

    Attributes:
        images: Of the run.
        stage: ``render``, ``restore``, ``judge``, ``tables``, ``report``, or ``whole``.
        peak_bytes: Most resident memory of the process within the stage, with Python and all libraries.
        grown_bytes: The same, less that of the run with the fewest images.
    """

    images: int
    stage: str
    peak_bytes: int
    grown_bytes: int


def memory_growth(sizes: Sequence[int] = SIZES, suite: Suite | None = None) -> pd.DataFrame:
    """Run a suite with so many images, from rendering to the page, each time in one fresh process.

    Args:
        sizes: Numbers of images.
        suite: What is run; None is the drawn streets with a cheap derainer, its input and the clean images, scored
            by image quality, a detector and a segmenter. A source that draws is asked for enough images.

    Returns:
        One row a number of images and stage. Peaks of single stages are told on Linux only.
    """
    suite = suite or override(load_suite("streets"), derainers=list(DERAINERS), tasks=list(TASKS))
    peaks = {images: _peaks_of(_with(suite, images)) for images in sizes}
    least = peaks[min(sizes)]
    rows = [
        Held(images, stage, peak, peak - least[stage])
        for images, stages in peaks.items()
        for stage, peak in stages.items()
    ]
    return pd.DataFrame([asdict(row) for row in rows])


def _with(suite: Suite, images: int) -> Suite:
    """The suite with so many images of every dataset."""
    grown = override(suite, count=images)
    datasets = {
        name: config.model_copy(update={"parameters": {**config.parameters, "count": images}})
        if "count" in config.parameters
        else config
        for name, config in grown.datasets.items()
    }
    return grown.model_copy(update={"datasets": datasets})


def _peaks_of(suite: Suite) -> dict[str, int]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool, tempfile.TemporaryDirectory() as folder:
        return pool.submit(_run, suite, Path(folder) / "run").result()


def _run(suite: Suite, out: Path) -> dict[str, int]:
    """A whole run here; stage to its peak in bytes."""
    watch = _Watch()
    if failures := run_suite(suite, out, progress=watch).failures:
        raise UserError(f"{failures[0].derainer} {failures[0].image}: {failures[0].reason}")
    watch.turn("report")
    write_report(out)
    watch.turn("")
    return {**watch.peaks, WHOLE: max(watch.peaks.values())}


class _Watch:
    """Notes the peak of every stage; what comes after the last image is ``tables``."""

    def __init__(self) -> None:
        self.peaks: dict[str, int] = {}
        self._memory = open_memory("cpu")
        self._stage = "opening"
        self._left = 0

    def begin(self, stage: str, images: int, done: int) -> None:
        self.turn(stage)
        self._left = images

    def advance(self, outcome: Outcome) -> None:
        self._left -= 1
        if not self._left and self._stage == "judge":
            self.turn("tables")

    def turn(self, stage: str) -> None:
        """End a stage and begin the next."""
        self.peaks[self._stage] = self._memory.peak()
        restart_peak()
        self._stage = stage
