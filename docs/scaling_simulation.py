"""How long a run takes on how many workers: list scheduling of its plan with measured costs (docs/scaling.md).

    python docs/scaling_simulation.py          # tables of docs/scaling.md
    python docs/scaling_simulation.py check    # predictions beside real runs of this machine (about three minutes);
                                               # status 1 where one is off by more than 15 %

A step (eight images of one row) goes to the worker that is free first. A worker pays for its start once, and for a
model whenever it turns to another row. Stages wait for each other.
"""

from __future__ import annotations

import argparse
import csv
import heapq
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from time import perf_counter

from bench.api.run import run_suite
from bench.runner.engines import STEP_IMAGES
from bench.runner.outcome import Outcome
from bench.runs.shards import WHOLE, Shard
from bench.suites.suite import parse_suite

TEN = ("derainnet", "ddn", "didmdn", "rescan", "umrl", "semi", "prenet", "spanet", "mspfn", "mprnet")
"""The derainers of the tables."""
GPU_FLOPS = 20e12
"""Assumed, not measured: what a network's convolutions reach on one data-centre GPU in single precision."""


@dataclass(frozen=True)
class Costs:
    """Seconds of one image of 640x480, but for the first two. Sources: docs/scaling.md.

    Attributes:
        start: Start of a worker.
        load: Loading of a model.
        render: Rain.
        quality: PSNR and SSIM.
        judge: Any other task's model.
        other: Decoding, encoding and hashing around a restored image.
        flops: Of a network, in a second.
    """

    start: float
    load: float
    render: float
    quality: float
    judge: float
    other: float
    flops: float


CPU = Costs(start=2.0, load=1.0, render=0.2, quality=0.15, judge=0.13, other=0.06, flops=37e9)
"""One core."""
GPU = Costs(start=10.0, load=3.0, render=0.2, quality=0.15, judge=0.02, other=0.06, flops=GPU_FLOPS)
"""One GPU with one core beside it, which renders, decodes, encodes and measures."""


@dataclass(frozen=True)
class RowCost:
    """One row of one stage.

    Attributes:
        images: How many.
        seconds: Of each image.
        load: Of the model.
    """

    images: int
    seconds: float
    load: float = 0.0


def makespan(rows: Sequence[RowCost], workers: int, start: float = 0.0) -> float:
    """Seconds of one stage: the plan's steps in order, each to the worker that is free first."""
    crew: list[tuple[float, int, int]] = [(start, worker, -1) for worker in range(workers)]
    for row, cost in enumerate(rows):
        for first in range(0, cost.images, STEP_IMAGES):  # as bench.runner.plan cuts
            free, worker, model = heapq.heappop(crew)
            loading = cost.load if row != model else 0.0
            seconds = min(STEP_IMAGES, cost.images - first) * cost.seconds
            heapq.heappush(crew, (free + loading + seconds, worker, row))
    return max(free for free, _, _ in crew)


def run_seconds(costs: Costs, images: int, megapixels: float, workers: int, tasks: int = 3, ends: int = 2) -> float:
    """Seconds of a whole run: ten derainers with rain and clean (``ends``), quality and other tasks.

    Args:
        costs: Of one image of 640x480.
        images: Photographs.
        megapixels: Of each.
        workers: All the cores or GPUs there are.
        tasks: How many, with quality.
        ends: Rows that are no networks.
    """
    size = megapixels / 0.3072
    restore = [RowCost(images, size * (flops / costs.flops + costs.other), costs.load) for flops in _flops()]
    restore += [RowCost(images, size * costs.other)] * ends
    judge = [RowCost(images, size * costs.quality)] * len(restore)
    judge += [RowCost(images, size * costs.judge, costs.load)] * len(restore) * (tasks - 1)
    render = makespan([RowCost(images, size * costs.render)], workers, costs.start)
    return render + makespan(restore, workers, costs.start) + makespan(judge, workers, costs.start)


def gigabytes(images: int, megapixels: float, rows: int = 12) -> float:
    """PNG files of a run: rainy, clean and every row's restored images, at 1.6 bytes a pixel."""
    return images * megapixels * 1e6 * 1.6 * (rows + 2) / 1e9


def _flops() -> list[float]:
    with files("derainers").joinpath("facts.csv").open(encoding="utf-8") as file:
        known = {line["name"]: float(line["flops_640x480"]) for line in csv.DictReader(file)}
    return [known[name] for name in TEN]


def tables() -> Iterable[str]:
    """The lines of the tables in docs/scaling.md."""
    for name, images, megapixels in (("COCO val", 5000, 0.3072), ("BDD100K", 10000, 0.9216)):
        yield f"{name}: {images} images, {gigabytes(images, megapixels):.0f} GB of PNG files"
        for what, costs in (("cores", CPU), ("GPUs", GPU)):
            for workers in (1, 2, 4, 8, 16, 32, 64):
                hours = run_seconds(costs, images, megapixels, workers) / 3600
                rate = gigabytes(images, megapixels) * 1000 / hours / 3600
                yield f"  {workers:3} {what}: {hours:8.1f} h, {rate:6.1f} MB/s written"


SLEEPERS = {"slow": 2.0, "quick": 0.5}
SUITE = """
derainers = []
resamples = 0
[datasets.streets]
source = "streets"
rain = "streets_y"
count = 24
parameters = { width = 96, height = 64, count = 24 }
[tasks.quality]
"""
SLEEPER = """
import time
def build(options):
    def restore(image):
        time.sleep(SECONDS)
        return image
    return restore
"""


class Stopwatch:
    """Notes when the restoring began, when its first image came, and when the judging began."""

    def __init__(self) -> None:
        self.began: dict[str, float] = {}
        self.first = 0.0

    def begin(self, stage: str, images: int, done: int) -> None:
        """A stage begins."""
        self.began[stage] = perf_counter()

    def advance(self, outcome: Outcome) -> None:
        """An image is through."""
        if outcome.row.derainer and not self.first:
            self.first = perf_counter()


def measured(folder: Path, workers: int, shard: Shard = WHOLE) -> tuple[float, float]:
    """Seconds of a real restoring stage of derainers that sleep, and of its start; sleeping takes no cores."""
    paths = [folder / f"{name}.py" for name in SLEEPERS]
    for path in paths:
        path.write_text(SLEEPER.replace("SECONDS", str(SLEEPERS[path.stem])))
    text = SUITE.replace("[]", str([f"{path}:build" for path in paths]), 1)
    watch = Stopwatch()
    out = folder / f"run-{workers}-{shard.number}-{shard.of}"
    run_suite(parse_suite(text, "sleepers", "sleepers"), out, workers=workers, shard=shard, progress=watch)
    began = watch.began["restore"]
    return watch.began["judge"] - began, max(0.0, watch.first - began - SLEEPERS["slow"])


@dataclass(frozen=True)
class Point:
    """A prediction beside a real restoring stage; seconds, of which ``start`` was taken as it was measured."""

    what: str
    predicted: float
    measured: float
    start: float

    @property
    def error(self) -> float:
        """Prediction against measurement, both without the start; 0.05 is 5 % too much."""
        return (self.predicted - self.start) / (self.measured - self.start) - 1

    def __str__(self) -> str:
        """One line."""
        seconds = f"predicted {self.predicted:.1f} s, measured {self.measured:.1f} s ({self.start:.1f} s of them start)"
        return f"{self.what}: {seconds}, off by {self.error:+.1%}"


WORST_ERROR = 0.15
"""Of a prediction, for the check to pass."""


def check() -> Iterable[Point]:
    """Predictions beside real runs."""
    images = 24
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for workers in (1, 2, 4):
            seconds, start = measured(folder, workers)
            rows = [RowCost(images, pause) for pause in SLEEPERS.values()]
            yield Point(f"{workers} workers", makespan(rows, workers, start), seconds, start)
        with ProcessPoolExecutor(3) as pool:
            shards = [Shard(number, 3) for number in (1, 2, 3)]
            found = list(pool.map(partial(measured, folder, 1), shards))
        rows = [RowCost(images // 3, pause) for pause in SLEEPERS.values()]
        seconds, start = max(found)
        yield Point("3 shards", makespan(rows, 1, start), seconds, start)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description="How long a run takes on how many workers.")
    parser.add_argument("what", nargs="?", choices=["tables", "check"], default="tables")
    worst = 0.0
    for line in tables() if parser.parse_args().what == "tables" else check():
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        worst = max(worst, abs(line.error)) if isinstance(line, Point) else worst
    sys.exit(worst > WORST_ERROR)


if __name__ == "__main__":
    main()
