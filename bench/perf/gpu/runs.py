"""Measure how busy whole runs keep a GPU, and how many steps of training a second it does."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import mean
from time import monotonic

from bench.api.run import open_suite, run_opened
from bench.contract import Options
from bench.devices import card_places, usable_cores
from bench.io.images import write_png
from bench.perf.budget import StageClock
from bench.perf.gpu.figure import GpuFigure, GpuScale
from bench.runner.processes import local_engine
from bench.runs.result import raise_first
from bench.suites.suite import parse_suite
from synth.streets.source import draw

_SUITE = """
derainers = ["rain", {rows}, "clean"]
resamples = 0
[datasets.streets]
source = "streets"
rain = "streets_y"
count = {scenes}
parameters = {{ width = {width}, height = {height} }}
[tasks.quality]
"""


def busy_run(device: str, scale: GpuScale) -> Iterator[GpuFigure]:
    """Time the stages of a run of drawn scenes in bf16, and the share of restoring that was inside the networks."""
    height, width = scale.size
    rows = ", ".join(f'"{name}"' for name in scale.networks)
    text = _SUITE.format(rows=rows, scenes=scale.scenes, width=width, height=height)
    options = Options(device, allow_random_weights=True, precision="bf16")
    cards, clock = card_places(device), StageClock()
    engine = local_engine(usable_cores(), cards=cards)
    with tempfile.TemporaryDirectory() as folder, _utilisation(device) as used:
        opened = open_suite(parse_suite(text, "gpu", "gpu"), {}, options)
        result = run_opened(opened, Path(folder) / "run", engine, progress=clock)
        raise_first(result.failures)
        restored = scale.scenes * (len(scale.networks) + 2)
        images = {"render": scale.scenes, "restore": restored, "judge": restored}
        for stage, seconds in clock.walls().items():
            rate = images[stage] / seconds
            yield GpuFigure(stage, "images of all rows", "bf16", False, height, width, 0, rate, "images/s")
        inside = sum(
            sum(s) for row, s in result.work.seconds.items() if row.derainer in scale.networks and not row.task
        )
    busy = 100 * inside / clock.walls()["restore"] / max(1, len(cards))
    yield GpuFigure("restore", "inside the networks", "bf16", False, height, width, 0, busy, "% of the time")
    if used:
        yield GpuFigure("run", "utilisation by nvidia-smi", "bf16", False, height, width, 0, mean(used), "%")


def training_steps(device: str, scale: GpuScale) -> Iterator[GpuFigure]:
    """Count the steps a second of a training on drawn scenes, by the loaders that make its batches."""
    from bench.training.config import usual_loaders

    with tempfile.TemporaryDirectory() as folder:
        photographs = Path(folder) / "photographs"
        for number in range(12):
            scene = draw(str(number), (0, 1, number), (320, 480))
            if scene.clean is not None:
                write_png(photographs / f"{number}.png", scene.clean)
        for loaders in sorted({0, 1, usual_loaders()}, reverse=True):  # the usual ones first
            yield _steps_a_second(device, scale, photographs, Path(folder) / f"out{loaders}", loaders)


def _steps_a_second(device: str, scale: GpuScale, photographs: Path, out: Path, loaders: int) -> GpuFigure:
    from bench.training.derainers import Material, TrainingMachine, load_training, train_derainer

    changes = {"batch": scale.batch, "steps": 100_000, "every": 100_000, "crop": 128}
    training, counter = load_training("mspfn-light", changes), _StepCounter(scale.steps_seconds)
    machine = TrainingMachine(accelerator=device, loaders=loaders)
    with suppress(_EnoughError):
        train_derainer(training, Material((photographs,)), out, machine, after_step=counter.step)
    rate, how = counter.steps / counter.seconds, f"training, {loaders} loaders"
    return GpuFigure("mspfn-light", how, training.precision, False, 128, 128, scale.batch, rate, "steps/s")


class _EnoughError(Exception):
    """Ends a training that has been timed."""


class _StepCounter:
    """Counts the steps of a training for some seconds after the first two, which warm up; then ends it."""

    def __init__(self, limit_seconds: float) -> None:
        self.steps, self.seconds = -2, 0.0
        self._limit = limit_seconds
        self._started = 0.0

    def step(self, step: int, progress: object) -> None:
        """Count one step."""
        self.steps += 1
        if self.steps == 0:
            self._started = monotonic()
        self.seconds = monotonic() - self._started
        if self.steps > 0 and self.seconds > self._limit:
            raise _EnoughError


@contextmanager
def _utilisation(device: str) -> Iterator[list[float]]:
    """Let nvidia-smi tell every half second how busy the GPU is, in %; the list is filled when the block ends."""
    found: list[float] = []
    program = shutil.which("nvidia-smi")
    if program is None or not device.startswith("cuda"):
        yield found
        return
    words = [program, "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "--loop-ms=500"]
    words.append(f"--id={device.partition(':')[2] or 0}")
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            yield found
        finally:
            process.terminate()
            told = process.communicate()[0].split()
            found += [float(text) for text in told if text.isdecimal()]
