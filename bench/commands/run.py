"""Run a benchmark and show its tables."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bench.commands.console import (
    FAILED,
    FORMAT,
    bars_of,
    command_line,
    error_console,
    out_console,
    plain_rows,
    print_json,
    report_failures,
)
from bench.commands.options import (
    AllowRandomWeights,
    Compile,
    Devices,
    Json,
    Offline,
    Precision,
    Quiet,
    Verbose,
    WeightsDirs,
    complete_derainer,
    complete_suite,
    listed,
    options_of,
    pairs_of,
)
from bench.commands.report import write_page
from bench.commands.terminal_tables import print_excluded, print_table
from bench.errors import UserError

if TYPE_CHECKING:
    from logging import Logger

    from bench.api.run import OpenedSuite
    from bench.runner.engines import Engine
    from bench.runner.runner import Existing, RunPlan
    from bench.runs.shards import Shard
    from bench.scoring.scores import RunResult
    from bench.suites.suite import Suite

MACHINES = "Several machines"
_WIDE = 120  # columns of a terminal that has room for intervals


Rows = Annotated[
    list[str], typer.Option(help="Rows, by comma or repeated; see the examples.", autocompletion=complete_derainer)
]
Also = Annotated[list[str], typer.Option(help="Rows besides the suite's.", autocompletion=complete_derainer)]
Tasks = Annotated[list[str], typer.Option(help="Tasks, by comma or repeated.")]
Models = Annotated[list[str], typer.Option(help="TASK=MODEL, a model as BACKEND:CHECKPOINT; repeatable.")]
Retrained = Annotated[list[str], typer.Option(help="TASK:ROW=MODEL, a model trained on that row's images; repeatable.")]
Coco = Annotated[Path | None, typer.Option(help="Folder of COCO.", rich_help_panel="Data")]
Bdd = Annotated[Path | None, typer.Option(help="Folder of BDD100K.", rich_help_panel="Data")]
Data = Annotated[list[str], typer.Option(help="NAME=DIR; repeatable.", rich_help_panel="Data")]
Count = Annotated[int | None, typer.Option(min=1, help="Images per dataset.", rich_help_panel="Data")]
Size = Annotated[str | None, typer.Option(help="WIDTHxHEIGHT or any.", rich_help_panel="Data")]
Processes = Annotated[
    int | None,
    typer.Option(
        min=1, help="Processes on the CPU; default the suite's, beside a GPU all cores.", rich_help_panel="Models"
    ),
]
Share = Annotated[str, typer.Option(help="NUMBER/OF: only this share, such as 2/3.", rich_help_panel=MACHINES)]
EngineName = Annotated[Literal["local", "ray"], typer.Option(help="Where it runs.", rich_help_panel=MACHINES)]
Address = Annotated[
    str, typer.Option(help="Ray cluster: HOST:PORT, auto for this machine's.", rich_help_panel=MACHINES)
]
GpuShare = Annotated[
    float | None, typer.Option(min=0, help="GPUs of a Ray worker; 0.5: two on each.", rich_help_panel=MACHINES)
]
Batch = Annotated[
    int, typer.Option(min=0, help="Images of one size at once; 0: what fits the GPU.", rich_help_panel="Models")
]
Out = Annotated[Path | None, typer.Option(help="Run folder; default results/runs/SUITE.")]
Available = Annotated[
    bool, typer.Option("--available", help="Leave out rows without weights and datasets whose files are not there.")
]
Rebuild = Annotated[bool, typer.Option("--rebuild", help="Do everything again.")]
OnlyMissing = Annotated[bool, typer.Option("--only-missing", help="Replace nothing; what is out of date is a failure.")]
FailFast = Annotated[bool, typer.Option("--fail-fast", help="Stop at the first failure.")]
TimeLimit = Annotated[
    float, typer.Option(min=0, help="Seconds that an image may take, with the loading of its model; 0: no limit.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")]
WithPage = Annotated[bool, typer.Option("--report/--no-report", help="Write report.html, the run's page.")]


def run(
    suite: Annotated[
        str, typer.Argument(help="Name of a built-in suite, or a TOML file.", autocompletion=complete_suite)
    ] = "streets",
    derainers: Rows = [],  # noqa: B006
    also: Also = [],  # noqa: B006
    tasks: Tasks = [],  # noqa: B006
    model: Models = [],  # noqa: B006
    retrained: Retrained = [],  # noqa: B006
    coco: Coco = None,
    bdd: Bdd = None,
    data: Data = [],  # noqa: B006
    count: Count = None,
    size: Size = None,
    device: Devices = "auto",
    workers: Processes = None,
    shard: Share = "",
    engine: EngineName = "local",
    address: Address = "",
    gpu_share: GpuShare = None,
    weights_dir: WeightsDirs = [],  # noqa: B006
    offline: Offline = False,
    allow_random_weights: AllowRandomWeights = False,
    precision: Precision = "fp32",
    compile: Compile = False,
    batch: Batch = 0,
    out: Out = None,
    available: Available = False,
    rebuild: Rebuild = False,
    only_missing: OnlyMissing = False,
    fail_fast: FailFast = False,
    time_limit: TimeLimit = 0,
    dry_run: DryRun = False,
    report: WithPage = True,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Run a whole benchmark: rain, restore, judge, compare. What is there is not done again.

    Examples:

        derainbench run

        derainbench run coco350 --coco ~/coco --derainers rain,prenet,clean --out run1

        derainbench run coco350 --coco ~/coco --model detection=ultralytics:yolo11n.pt

        derainbench run --retrained detection:rain=trained:my_rain.safetensors --derainers rain,prenet

        derainbench run table6 --coco ~/coco --bdd ~/bdd --also restormer,umrl --available

        derainbench run my_suite.toml --derainers rain,path/to/mine.py:build,clean

        derainbench run coco350 --coco ~/coco --shard 2/3 --out shard2

        derainbench run coco350 --coco /shared/coco --out /shared/run1 --device cuda --engine ray --address auto

        derainbench run coco350 --coco ~/coco --derainers rain,prenet,clean,clean+prenet

        derainbench run --derainers rain,finished=folder:out/,onnx:net.onnx --derainers 'command:tool {input} {output}'
    """
    from bench.api.run import open_suite, plan_run
    from bench.devices import card_places, first_of, usable_cores
    from bench.runner.processes import local_engine
    from bench.runner.ray_cluster import ray_cluster
    from bench.runs.shards import WHOLE, read_shard

    chosen = _chosen_suite(suite, derainers, also, tasks, model, retrained, count, size)
    options = options_of(first_of(device), weights_dir, offline, allow_random_weights)
    options = replace(options, precision=precision, compile=compile, batch=batch)
    opened = _available(open_suite(chosen, _roots(coco, bdd, data), options), available)
    folder = out or Path("results/runs") / chosen.name
    share = read_shard(shard) if shard else WHOLE
    cards = card_places(options.device if device == "auto" else device)
    if engine == "ray":
        machines: Engine = ray_cluster(folder, address, gpu_share, options, workers or 1, time_limit)
    else:
        _refuse_ray_options(address, gpu_share)
        machines = local_engine(workers or (usable_cores() if cards else chosen.workers), time_limit, cards)
    if dry_run:
        _print_plan(plan_run(opened, folder, share))
        return
    manner = _Manner(_existing(rebuild, only_missing), fail_fast, share, quiet, verbose)
    result = _run(opened, folder, machines, manner)
    if not quiet:
        _show(opened, result, folder)
    if report:
        write_page(folder, quiet)
    report_failures(len(result.failures), folder / "failures.csv")


@dataclass(frozen=True)
class _Manner:
    """How a run treats what is there and what fails, which share it does, and how much it tells."""

    existing: Existing
    fail_fast: bool
    share: Shard
    quiet: bool
    verbose: bool


def _run(opened: OpenedSuite, folder: Path, engine: Engine, manner: _Manner) -> RunResult:
    """Run a suite under bars, with a log in its folder that ends with what of the truth is not scored."""
    from bench.api.run import run_opened
    from bench.runner.logs import Logged, run_log

    with bars_of(manner.quiet, manner.verbose) as bars, run_log(folder, command_line(), manner.verbose) as log:
        result = run_opened(
            opened,
            folder,
            engine,
            existing=manner.existing,
            fail_fast=manner.fail_fast,
            shard=manner.share,
            progress=Logged(bars, log),
        )
        _say_what_is_not_scored(result, log)
    return result


def _available(opened: OpenedSuite, wanted: bool) -> OpenedSuite:
    """Leave out, where that is wanted, what cannot be run here, and say so."""
    if not wanted:
        return opened
    missing = opened.missing(layouts=True)
    for line in missing.lines:
        error_console.print(f"left out: {line}", style="yellow", markup=False, soft_wrap=True)
    return opened.without(missing)


def _refuse_ray_options(address: str, gpu_share: float | None) -> None:
    if address or gpu_share is not None:
        raise UserError("--address and --gpu-share are for --engine ray")


def _chosen_suite(
    name: str,
    derainers: list[str],
    also: list[str],
    tasks: list[str],
    model: list[str],
    retrained: list[str],
    count: int | None,
    size: str | None,
) -> Suite:
    from bench.suites.suite import load_suite, override

    named = load_suite(name)
    return override(
        named,
        derainers=[*(listed(derainers) or named.derainers), *listed(also)],
        tasks=listed(tasks),
        models=pairs_of(model, "--model", "TASK=BACKEND:CHECKPOINT"),
        retrained=_own_models(retrained),
        count=count,
        size=size,
    )


def _own_models(texts: list[str]) -> dict[str, dict[str, str]]:
    """Split ``TASK:ROW=MODEL`` texts into a map of tasks to rows to models."""
    found: dict[str, dict[str, str]] = {}
    form = "TASK:ROW=BACKEND:CHECKPOINT"
    for place, model in pairs_of(texts, "--retrained", form).items():
        task, _, row = place.partition(":")
        if not row:
            raise UserError(f"--retrained {place}={model}: expected {form}")
        found.setdefault(task, {})[row] = model
    return found


def _roots(coco: Path | None, bdd: Path | None, data: list[str]) -> dict[str, Path]:
    roots = {name: Path(place) for name, place in pairs_of(data, "--data", "NAME=DIR").items()}
    return roots | {name: place for name, place in (("coco", coco), ("bdd", bdd)) if place is not None}


def _existing(rebuild: bool, only_missing: bool) -> Existing:
    if rebuild and only_missing:
        raise UserError("--rebuild replaces everything and --only-missing nothing; give one of them")
    return "rebuild" if rebuild else "keep" if only_missing else "reuse"


def _print_plan(planned: RunPlan) -> None:
    for stage, plan in (("rain", planned.render), ("derain", planned.restore), ("judge", planned.judge)):
        out_console.print(f"{stage}: {plan.images} images to do, {plan.done} done")
    if planned.render.images:
        out_console.print("images that are yet to be rained on are counted as rain only")


def _say_what_is_not_scored(result: RunResult, log: Logger) -> None:
    """Log what of the truth is not scored; print rows for which nothing is left, which no stage has told of."""
    from bench.scoring.truth_ledger import absent_lines, excluded_lines

    for line in excluded_lines(result.scores.truth):
        log.warning("%s", line)
    for line in absent_lines(result.scores.truth):
        log.info("%s", line)
    for failure in result.scores.unscored:
        line = f"failed {failure.dataset} {failure.derainer} {failure.task}: {failure.reason}"
        log.warning("%s", line)
        error_console.print(line, style="red", markup=False, highlight=False, soft_wrap=True)


def _show(opened: OpenedSuite, result: RunResult, folder: Path) -> None:
    from bench.runs.card import described_metrics
    from bench.runs.records import untrained_in
    from bench.scoring.intervals import read_intervals
    from bench.tables import wide as tables
    from bench.tables.wide import with_intervals

    suite, intervals = opened.suite, read_intervals(folder)
    names, described = [row.name for row in opened.rows], described_metrics([folder])
    for dataset in suite.datasets:
        if any(record.dataset == dataset for record in result.records):
            table = tables.wide(result.records, dataset, names, described=described)
            if out_console.width >= _WIDE:
                table = with_intervals(table, intervals, dataset)
            print_table(table, f"{suite.title or suite.name} - {dataset}")
    print_excluded(result.scores.truth)
    if untrained := untrained_in(result.records):
        out_console.print(
            f"Untrained, so not shown: {', '.join(untrained)} (derainbench table --untrained)", markup=False
        )
    if suite.note:
        out_console.print(suite.note, style="dim", markup=False)
    out_console.print(f"Tables, records and evidence: {folder}", markup=False, soft_wrap=True)


def compare(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    first: Annotated[str, typer.Argument(help="A row of the run.")],
    second: Annotated[str, typer.Argument(help="Another row.")],
    all_metrics: Annotated[bool, typer.Option("--all", help="Every metric, not only the headlines.")] = False,
    format: Annotated[Literal["csv", "md", "latex", "json", "terminal"], typer.Option(help=FORMAT)] = "terminal",
) -> None:
    """Compare two derainers on the same resampled images: difference, 95 % interval, p after Holm's correction.

    Holm's correction is over all metrics that are shown. Of every metric it is told whether higher or lower values are
    better, and which row is ahead where that is more than chance (corrected p below 0.05). All numbers rest on the
    images that both rows have; fewer than ten of them give neither interval nor p.

    Example:

        derainbench compare run1 prenet rain
    """
    from bench.runs.card import described_metrics
    from bench.scoring.intervals import compare_rows
    from bench.scoring.statistics import FEW_IMAGES
    from bench.tables import wide as tables

    frame = compare_rows(run, first, second, all_metrics, described_metrics([run]))
    if format == "json":
        print_json(plain_rows(frame))
        return
    if format != "terminal":
        sys.stdout.write(tables.render(frame, format))
        return
    for dataset, rows in frame.groupby("dataset", sort=False):
        columns = ["metric", "better", first, second, "difference", "low", "high", "p_holm", "ahead", "images"]
        shown = rows[columns].round(3)
        shown = shown.astype(str).where(shown.notna(), "")
        shown["images +/-"] = [f"{row.higher}/{row.lower}".strip("/") for row in rows.itertuples()]
        print_table(shown, f"{first} - {second} on {dataset}")
    if frame["p"].isna().all():
        out_console.print(FEW_IMAGES, style="dim", markup=False)


def verify(run: Annotated[Path, typer.Argument(help="A run folder.")], json: Json = False) -> None:
    """Can a run be believed? Every file against its digest, every number against its evidence, without any model.

    Example:

        derainbench verify run1
    """
    from bench.api.verify import verify_run

    faults = verify_run(run)
    if json:
        print_json({"faults": faults})
        raise typer.Exit(FAILED if faults else 0)
    for fault in faults:
        out_console.print(fault, markup=False, highlight=False, soft_wrap=True)
    if faults:
        error_console.print(f"[red]{len(faults)} faults[/]")
        raise typer.Exit(FAILED)
    out_console.print("every file is as it was written, and every number follows from its evidence")
