"""Measure DerainBench itself: its speed beside other ways, where the time goes, and how much memory it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bench.commands.options import Workers, listed, pairs_of
from bench.commands.terminal_tables import print_table

if TYPE_CHECKING:
    import pandas as pd

    from bench.suites.suite import Suite

What = Literal[
    "rain",
    "scenes",
    "derainers",
    "metrics",
    "resampling",
    "pipeline",
    "budget",
    "memory",
    "coverage",
    "training",
    "gpu",
]
_STREETS = "streets"
_GPU_FIGURES = Path("results/perf/gpu.csv")


@dataclass(frozen=True)
class _MeasuredRun:
    """Options that choose the run which pipeline, budget and memory measure."""

    name: str
    data: list[str]
    derainers: list[str]
    model: list[str]

    def suite(self, count: int | None = None) -> Suite:
        """Load the suite with the changes that the options ask for."""
        from bench.suites.suite import load_suite, override

        models = pairs_of(self.model, "--model", "TASK=BACKEND:CHECKPOINT")
        return override(load_suite(self.name), derainers=listed(self.derainers), models=models, count=count)

    def roots(self) -> dict[str, Path]:
        """Return the folders of photographs by their names."""
        return {key: Path(place).expanduser() for key, place in pairs_of(self.data, "--data", "NAME=DIR").items()}


def perf(
    what: Annotated[What, typer.Argument(help="What is measured.")] = "rain",
    out: Annotated[Path | None, typer.Option(help="CSV file for the figures.")] = None,
    suite: Annotated[str, typer.Option(help="What pipeline, budget and memory run.")] = _STREETS,
    data: Annotated[list[str], typer.Option(help="NAME=DIR of the suite's photographs; repeatable.")] = [],  # noqa: B006
    derainers: Annotated[list[str], typer.Option(help="These instead of the suite's, by comma or repeated.")] = [],  # noqa: B006
    model: Annotated[list[str], typer.Option(help="TASK=BACKEND:CHECKPOINT instead of the suite's; repeatable.")] = [],  # noqa: B006
    count: Annotated[
        list[int], typer.Option(min=1, help="Images per dataset; of memory several: default 100, 500, 2000.")
    ] = [],  # noqa: B006
    workers: Workers = 2,
    turns: Annotated[int, typer.Option(min=1, help="Turns of which the median is taken.")] = 5,
    device: Annotated[
        str, typer.Option(help="GPU that gpu measures; cpu tries the command, with tiny sizes.")
    ] = "cuda",
    minutes: Annotated[float, typer.Option(min=0.1, help="Time that gpu has.")] = 6.0,
) -> None:
    """Measure our code beside other ways to the same result, in one run: speeds are to be read as ratios.

    rain, derainers, metrics: beside imgaug and albumentations, plain networks, scikit-image and pycocotools.
    scenes: road scenes drawn a second, on one core.
    resampling: 1,000 resamples of AP and mIoU of a whole table. pipeline: a run beside the script that one would
    write in an hour, beside its model alone, and around a stand-in for a GPU. budget: where the time of a run goes.
    memory: the most that a run held, by its images. coverage: how often intervals of AP and mIoU hold the truth, on
    drawn detections. training: how busy loaders keep a training whose steps take 50 ms.
    gpu: networks in every precision against the limits of a GPU, how busy a run keeps it, batches, differences to the
    CPU, training; into results/perf/gpu.csv, figure by figure.

    Examples:

        OMP_NUM_THREADS=1 derainbench perf rain

        OMP_NUM_THREADS=1 derainbench perf metrics --out results/perf/metrics.csv

        derainbench perf pipeline --suite coco350 --data coco=~/coco --derainers rain,classical,clean --count 40

        derainbench perf budget --suite streets --count 20 --out budget.csv

        derainbench perf memory --count 100 --count 500

        derainbench perf gpu --minutes 6
    """
    from bench.runs.provenance import machine
    from bench.runs.records import write_frame

    if what == "gpu":
        _measure_gpu(device, minutes, out or _GPU_FIGURES)
        return
    frame = _measures(_MeasuredRun(suite, data, derainers, model), count, workers, turns)[what]()
    if out:
        facts = {name: str(fact) for name, fact in machine().items() if name not in frame}
        write_frame(out, frame.assign(**facts))
    shown = frame.round(3)
    same = [name for name in shown if len(shown) > 1 and shown[name].nunique(dropna=False) == 1]
    print_table(shown.drop(columns=same), "; ".join([what, *(f"{name} {shown[name].iloc[0]}" for name in same)]))


def _measure_gpu(device: str, minutes: float, out: Path) -> None:
    """Measure a GPU; write and tell figure by figure, so that a stop loses none."""
    from bench.commands.console import out_console
    from bench.devices import choose_device
    from bench.errors import UserError
    from bench.perf.gpu.figure import DRY, GpuScale
    from bench.perf.gpu.measure import figure_line, measure_gpu
    from bench.runs.provenance import library_versions, machine
    from bench.runs.records import write_frame

    chosen = choose_device(device)
    if device == "auto" and chosen == "cpu":
        raise UserError("there is no GPU that PyTorch can use; --device cpu tries the command")
    facts = {name: str(fact) for name, fact in machine().items()} | {"torch": library_versions()["torch"]}
    for frame in measure_gpu(chosen, 60 * minutes, GpuScale() if chosen.startswith("cuda") else DRY):
        write_frame(out, frame.assign(**facts))
        out_console.print(figure_line(frame), markup=False, highlight=False, soft_wrap=True)
    out_console.print(f"wrote {out}", markup=False, soft_wrap=True)


def _measures(run: _MeasuredRun, count: list[int], workers: int, turns: int) -> dict[What, Callable[[], pd.DataFrame]]:
    """List what can be measured: WHAT on the command line to the function that returns the figures."""
    from bench.perf import (
        budget,
        coverage,
        derainers,
        memory_growth,
        metrics,
        pipeline,
        rain,
        resampling,
        scenes,
        training,
    )

    last = count[-1] if count else None
    unchanged = run == _MeasuredRun(_STREETS, [], [], [])
    return {
        "rain": rain.rain_speeds,
        "scenes": scenes.scene_speeds,
        "derainers": derainers.derainer_speeds,
        "metrics": metrics.metric_speeds,
        "resampling": resampling.resampling_speeds,
        "pipeline": lambda: pipeline.pipeline_speeds(run.suite(last), run.roots(), workers, turns),
        "budget": lambda: budget.pipeline_budget(run.suite(last), run.roots()),
        "memory": lambda: memory_growth.memory_growth(count or memory_growth.SIZES, None if unchanged else run.suite()),
        "coverage": lambda: coverage.coverages(last or coverage.DATASETS),
        "training": training.training_feeds,
    }
