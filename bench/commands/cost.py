"""Measure what derainers cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands.console import error_console, out_console, report_failures
from bench.commands.options import (
    AllowRandomWeights,
    Compile,
    Device,
    Offline,
    Precision,
    WeightsDirs,
    listed,
    options_of,
)
from bench.commands.terminal_tables import print_table
from bench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from bench.perf.cost import Effort


def cost(
    run: Annotated[
        Path | None, typer.Argument(help="A finished run: its derainers, alone and before its models.")
    ] = None,
    derainers: Annotated[list[str], typer.Option(help="These, by comma or repeated, instead of the run's.")] = [],  # noqa: B006
    size: Annotated[list[str], typer.Option(help="WIDTHxHEIGHT; repeatable. Default 640x480 and 1280x720.")] = [],  # noqa: B006
    alone: Annotated[bool, typer.Option("--alone", help="Without the run's task models.")] = False,
    repeats: Annotated[
        int | None, typer.Option(min=1, help="Images that are timed; default 100 on a GPU, else 10.")
    ] = None,
    warm_up: Annotated[int | None, typer.Option(min=0, help="Images before them; default 10 on a GPU, else 2.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Images a call for the throughput.")] = 1,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0: as the libraries like.")] = 0,
    out: Annotated[Path | None, typer.Option(help="CSV file; default cost.csv in the run folder.")] = None,
    device: Device = "auto",
    weights_dir: WeightsDirs = [],  # noqa: B006
    offline: Offline = False,
    allow_random_weights: AllowRandomWeights = False,
    precision: Precision = "fp32",
    compile: Compile = False,
) -> None:
    """Measure latency, throughput, memory, parameters and operations of derainers.

    An image goes in and comes out in memory: conversions and copies to and from a GPU count, files and their coding
    do not. Every row is measured in a process of its own. Memory is that of a GPU's allocator, or the resident
    memory of the process; "added" leaves Python and libraries out. Random weights cost what trained ones do.

    Examples:

        derainbench cost run1

        derainbench cost --derainers prenet,umrl,mspfn --allow-random-weights --size 640x480 --threads 1 --out cost.csv

        derainbench cost run1 --device cuda --batch 8 --repeats 500 --precision bf16
    """
    from bench.api.derainers import find_derainer
    from bench.perf import cost_jobs as library
    from bench.perf.cost_table import cost_frame
    from bench.runs.records import write_frame

    if run is None and not derainers:
        raise UserError("give a run folder or --derainers NAME,NAME")
    if derainers or run is None:
        entries = [find_derainer(spec) for spec in listed(derainers)]
    else:
        entries = library.derainers_of_run(run)
    tasks = library.tasks_of_run(run) if run and not alone else []
    options = options_of(device, weights_dir, offline, allow_random_weights)
    options = replace(options, precision=precision, compile=compile, threads=threads)
    sizes = [_size(text) for text in size] or library.SIZES
    effort = _effort(options.device, warm_up, repeats, batch)
    target = out or (run / "cost.csv" if run else None)
    costs = []
    measured = library.costs_of(entries, tasks, options, sizes, effort)
    for one in measured:
        costs.append(one)
        error_console.print(f"{one.derainer} {one.task} {one.width}x{one.height}", markup=False, highlight=False)
        if target:
            write_frame(target, cost_frame(costs))  # what is measured is kept if the rest is stopped
    for row in costs:
        if row.failure:
            error_console.print(f"{row.derainer}: {row.failure}", style="yellow", markup=False, soft_wrap=True)
    print_table(_shown(cost_frame(costs)), f"{costs[0].hardware}, {costs[0].threads} threads, {precision}")
    if target:
        out_console.print(f"wrote {target}", markup=False, soft_wrap=True)
    report_failures(sum(bool(row.failure) for row in costs))


def _effort(device: str, warm_up: int | None, repeats: int | None, batch: int) -> Effort:
    from bench.perf.cost import Effort

    usual = Effort(10, 100) if device.startswith("cuda") else Effort()
    return Effort(usual.warm_up if warm_up is None else warm_up, usual.repeats if repeats is None else repeats, batch)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise UserError(f"--size {text}: expected WIDTHxHEIGHT such as 640x480")
    return int(height), int(width)


_SHOWN = (
    ("latency_ms", "ms", 1),
    ("latency_p95_ms", "ms p95", 1),
    ("images_per_second", "images/s", 2),
    ("added_memory_mb", "MB added", 0),
)


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    """A few columns, rounded, as text."""
    shown = frame[["derainer", "task"]].copy()
    shown["size"] = frame["width"].astype(str) + "x" + frame["height"].astype(str)
    for column, title, digits in _SHOWN:
        shown[title] = [f"{value:.{digits}f}" if value == value else "" for value in frame[column].astype(float)]
    shown["params (M)"] = [
        f"{value / 1e6:.2f}" if value == value else "" for value in frame["parameters"].astype(float)
    ]
    shown["GFLOP"] = [f"{value:.0f}" if value == value else "" for value in frame["gflop"].astype(float)]
    return shown
