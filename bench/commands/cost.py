"""Measure what derainers cost."""

from __future__ import annotations

from collections.abc import Iterable
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

    from bench.perf.cost import Cost, Effort
    from bench.protocols import Task
    from bench.registry import Entry


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
    from bench.perf import cost_jobs

    entries, tasks = _derainers_and_tasks(run, listed(derainers), alone)
    options = options_of(device, weights_dir, offline, allow_random_weights)
    options = replace(options, precision=precision, compile=compile, threads=threads)
    sizes = [_size(text) for text in size] or cost_jobs.SIZES
    effort = _effort(options.device, warm_up, repeats, batch)
    target = out or (run / "cost.csv" if run else None)
    costs = _measure_and_keep(cost_jobs.costs_of(entries, tasks, options, sizes, effort), target)
    _give(costs, target)


def _derainers_and_tasks(run: Path | None, derainers: list[str], alone: bool) -> tuple[list[Entry], list[Task]]:
    """Find the named derainers, or else those of the run, and the tasks of the run unless derainers stand alone."""
    from bench.api.derainers import find_derainer
    from bench.perf import cost_jobs

    if run is None and not derainers:
        raise UserError("give a run folder or --derainers NAME,NAME")
    named = [find_derainer(spec) for spec in derainers]
    if run is None:
        return named, []
    return named or cost_jobs.derainers_of_run(run), [] if alone else cost_jobs.tasks_of_run(run)


def _measure_and_keep(measured: Iterable[Cost], target: Path | None) -> list[Cost]:
    """Take costs as they are measured; write all so far after each, so that a stop loses none that was measured."""
    from bench.perf.cost_table import cost_frame
    from bench.runs.records import write_frame

    costs = []
    for cost in measured:
        costs.append(cost)
        error_console.print(f"{cost.derainer} {cost.task} {cost.width}x{cost.height}", markup=False, highlight=False)
        if target:
            write_frame(target, cost_frame(costs))
    return costs


def _give(costs: list[Cost], target: Path | None) -> None:
    """Print failures, table and where it was written; end with status 1 if anything failed."""
    from bench.perf.cost_table import cost_frame

    for cost in costs:
        if cost.failure:
            error_console.print(f"{cost.derainer}: {cost.failure}", style="yellow", markup=False, soft_wrap=True)
    first = costs[0]
    print_table(_shown(cost_frame(costs)), f"{first.hardware}, {first.threads} threads, {first.precision}")
    if target:
        out_console.print(f"wrote {target}", markup=False, soft_wrap=True)
    report_failures(sum(bool(cost.failure) for cost in costs))


def _effort(device: str, warm_up: int | None, repeats: int | None, batch: int) -> Effort:
    """Fill in the usual numbers of calls: more on a GPU, which is faster and less steady."""
    from bench.perf.cost import Effort

    usual = Effort(10, 100) if device.startswith("cuda") else Effort()
    return Effort(usual.warm_up if warm_up is None else warm_up, usual.repeats if repeats is None else repeats, batch)


def _size(text: str) -> tuple[int, int]:
    """Parse ``WIDTHxHEIGHT`` into (height, width)."""
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise UserError(f"--size {text}: expected WIDTHxHEIGHT such as 640x480")
    return int(height), int(width)


_SHOWN = (
    ("latency_ms", "ms", 1, 1.0),
    ("latency_p95_ms", "ms p95", 1, 1.0),
    ("images_per_second", "images/s", 2, 1.0),
    ("added_memory_mb", "MB added", 0, 1.0),
    ("parameters", "params (M)", 2, 1e-6),
    ("gflop", "GFLOP", 0, 1.0),
)
"""Column of ``cost.csv``, its heading in the terminal, digits after the point, and factor."""


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    """Choose a few columns, rounded, as text."""
    shown = frame[["derainer", "task"]].copy()
    shown["size"] = frame["width"].astype(str) + "x" + frame["height"].astype(str)
    for column, heading, digits, factor in _SHOWN:
        values = frame[column].astype(float) * factor
        shown[heading] = [f"{value:.{digits}f}" if value == value else "" for value in values]
    return shown
