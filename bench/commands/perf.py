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

What = Literal["rain", "scenes", "derainers", "metrics", "resampling", "pipeline", "budget", "memory", "training"]
_STREETS = "streets"


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
) -> None:
    """Measure our code beside other ways to the same result, in one run: speeds are to be read as ratios.

    rain, derainers, metrics: beside imgaug and albumentations, plain networks, scikit-image and pycocotools.
    scenes: road scenes drawn a second, on one core.
    resampling: 1,000 resamples of AP and mIoU of a whole table. pipeline: a run beside the script that one would
    write in an hour, and beside its model alone. budget: where the time of a run goes. memory: the most that a run
    held, by its number of images. training: how busy loaders keep a training whose steps take 50 ms.

    Examples:

        OMP_NUM_THREADS=1 derainbench perf rain

        OMP_NUM_THREADS=1 derainbench perf metrics --out results/perf/metrics.csv

        derainbench perf pipeline --suite coco350 --data coco=~/coco --derainers rain,classical,clean --count 40

        derainbench perf budget --suite streets --count 20 --out budget.csv

        derainbench perf memory --count 100 --count 500
    """
    from bench.runs.provenance import machine
    from bench.runs.records import write_frame

    frame = _measures(_MeasuredRun(suite, data, derainers, model), count, workers, turns)[what]()
    if out:
        facts = {name: str(fact) for name, fact in machine().items() if name not in frame}
        write_frame(out, frame.assign(**facts))
    shown = frame.round(3)
    same = [name for name in shown if len(shown) > 1 and shown[name].nunique(dropna=False) == 1]
    print_table(shown.drop(columns=same), "; ".join([what, *(f"{name} {shown[name].iloc[0]}" for name in same)]))


def _measures(run: _MeasuredRun, count: list[int], workers: int, turns: int) -> dict[What, Callable[[], pd.DataFrame]]:
    """List what can be measured: WHAT on the command line to the function that returns the figures."""
    from bench.perf import budget, derainers, memory_growth, metrics, pipeline, rain, resampling, scenes, training

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
        "training": training.training_feeds,
    }
