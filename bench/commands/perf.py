"""Measure DerainBench itself: its speed beside other ways, where the time goes, and how much memory it takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bench.commands.options import Workers, listed, pairs_of
from bench.commands.terminal_tables import print_table

if TYPE_CHECKING:
    import pandas as pd

    from bench.suites.suite import Suite

What = Literal["rain", "scenes", "derainers", "metrics", "resampling", "pipeline", "budget", "memory"]
_STREETS = "streets"


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
    held, by its number of images.

    Examples:

        OMP_NUM_THREADS=1 derainbench perf rain

        OMP_NUM_THREADS=1 derainbench perf metrics --out results/perf/metrics.csv

        derainbench perf pipeline --suite coco350 --data coco=~/coco --derainers rain,classical,clean --count 40

        derainbench perf budget --suite streets --count 20 --out budget.csv

        derainbench perf memory --count 100 --count 500
    """
    from bench.runs.provenance import machine
    from bench.runs.records import write_frame

    if what in ("pipeline", "budget"):
        frame = _of_runs(what, suite, data, derainers, model, count, workers, turns)
    elif what == "memory":
        from bench.perf.memory_growth import SIZES, memory_growth

        chosen = _suite(suite, derainers, model, []) if suite != _STREETS else None
        frame = memory_growth(count or SIZES, chosen)
    else:
        frame = _of_parts(what)
    if out:
        write_frame(out, frame.assign(**{name: str(fact) for name, fact in machine().items()}))
    shown = frame.round(3)
    same = [name for name in shown if len(shown) > 1 and shown[name].nunique(dropna=False) == 1]
    print_table(shown.drop(columns=same), "; ".join([what, *(f"{name} {shown[name].iloc[0]}" for name in same)]))


def _of_parts(what: str) -> pd.DataFrame:
    if what == "rain":
        from bench.perf.rain import rain_speeds

        return rain_speeds()
    if what == "scenes":
        from bench.perf.scenes import streets_speeds

        return streets_speeds()
    if what == "derainers":
        from bench.perf.derainers import derainer_speeds

        return derainer_speeds()
    if what == "metrics":
        from bench.perf.metrics import metric_speeds

        return metric_speeds()
    from bench.perf.resampling import resampling_speeds

    return resampling_speeds()


def _of_runs(
    what: str,
    name: str,
    data: list[str],
    derainers: list[str],
    model: list[str],
    count: list[int],
    workers: int,
    turns: int,
) -> pd.DataFrame:
    roots = {key: Path(place).expanduser() for key, place in pairs_of(data, "--data", "NAME=DIR").items()}
    suite = _suite(name, derainers, model, count)
    if what == "budget":
        from bench.perf.budget import pipeline_budget

        return pipeline_budget(suite, roots)
    from bench.perf.pipeline import pipeline_speeds

    return pipeline_speeds(suite, roots, workers, turns)


def _suite(name: str, derainers: list[str], model: list[str], count: list[int]) -> Suite:
    from bench.suites.suite import load_suite, override

    models = pairs_of(model, "--model", "TASK=BACKEND:CHECKPOINT")
    return override(load_suite(name), derainers=listed(derainers), models=models, count=count[-1] if count else None)
