"""Measure the most memory that a whole run holds, and how that grows with the number of images."""

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
from bench.perf.memory import open_memory_meter, restart_peak
from bench.runner.outcome import Outcome
from bench.runs.result import raise_first
from bench.suites.suite import Suite, load_suite, override

SIZES = (100, 500, 2000)
"""Numbers of images that are tried unless said otherwise."""
DERAINERS = ("rain", "classical", "clean")
TASKS = ("quality", "detection", "semantic")
WHOLE = "whole"
"""The stage of all stages."""


@dataclass(frozen=True)
class StagePeak:
    """Most memory that one stage of a run held.

    Attributes:
        images: Number of images of the run.
        stage: ``render``, ``restore``, ``judge``, ``tables``, ``report``, or ``whole``.
        peak_bytes: Most resident memory of the process within the stage, with Python and all libraries.
        grown_bytes: The same, less that of the run with the fewest images.
    """

    images: int
    stage: str
    peak_bytes: int
    grown_bytes: int


def memory_growth(sizes: Sequence[int] = SIZES, suite: Suite | None = None) -> pd.DataFrame:
    """Run a suite with several numbers of images, from rendering to the page, each time in a fresh process.

    Args:
        sizes: Numbers of images.
        suite: The suite to run; None is the drawn streets with a cheap derainer, its input and the clean images, scored
            by image quality, a detector and a segmenter. A source that draws is asked for enough images.

    Returns:
        One row a number of images and stage. Peaks of single stages are told on Linux only.
    """
    suite = suite or override(load_suite("streets"), derainers=list(DERAINERS), tasks=list(TASKS))
    peaks = {images: _peaks_of(_with_images(suite, images)) for images in sizes}
    least = peaks[min(sizes)]
    rows = [
        StagePeak(images, stage, peak, peak - least[stage])
        for images, stages in peaks.items()
        for stage, peak in stages.items()
    ]
    return pd.DataFrame([asdict(row) for row in rows])


def _with_images(suite: Suite, images: int) -> Suite:
    """Ask every dataset of a suite for so many images."""
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
    """Run a suite in this process, page and all; return the peak of each stage in bytes."""
    watch = _PeakWatch()
    raise_first(run_suite(suite, out, progress=watch).failures)
    watch.turn("report")
    write_report(out)
    watch.turn("")
    return {**watch.peaks, WHOLE: max(watch.peaks.values())}


class _PeakWatch:
    """Watch a run's progress and note the peak of every stage; what comes after the last image is ``tables``."""

    def __init__(self) -> None:
        self.peaks: dict[str, int] = {}
        self._meter = open_memory_meter("cpu")
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
        self.peaks[self._stage] = self._meter.peak()
        restart_peak()
        self._stage = stage
