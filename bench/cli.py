"""The command line: ``derainbench``. Commands parse, call :mod:`bench.api`, and print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape

from bench.contract import Options
from bench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

FAILED, USER_ERROR, INTERRUPTED = 1, 2, 130
"""Exit statuses: some images failed; the user has to mend something; stopped by Ctrl-C."""

app = typer.Typer(
    name="derainbench",
    help="How well does a vision model see after the rain is removed?",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
out_console = Console()
error_console = Console(stderr=True)

Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...", rich_help_panel="Models")]
WeightsDirs = Annotated[
    list[Path],
    typer.Option(
        "--weights-dir",
        help="Folder searched for weights by their digest; repeatable. Also DERAINBENCH_WEIGHTS.",
        rich_help_panel="Models",
    ),
]
Offline = Annotated[bool, typer.Option("--offline", help="Never download anything.", rich_help_panel="Models")]


@app.command(rich_help_panel="Benchmark")
def run(
    suite: Annotated[str, typer.Argument(help="Name of a built-in suite, or a TOML file.")] = "streets",
    derainers: Annotated[list[str], typer.Option(help="Rows, by comma or repeated; see the examples.")] = [],  # noqa: B006
    tasks: Annotated[list[str], typer.Option(help="Tasks, by comma or repeated.")] = [],  # noqa: B006
    model: Annotated[list[str], typer.Option(help="TASK=BACKEND:CHECKPOINT; repeatable.")] = [],  # noqa: B006
    coco: Annotated[Path | None, typer.Option(help="Folder of COCO.", rich_help_panel="Data")] = None,
    bdd: Annotated[Path | None, typer.Option(help="Folder of BDD100K.", rich_help_panel="Data")] = None,
    data: Annotated[list[str], typer.Option(help="NAME=DIR; repeatable.", rich_help_panel="Data")] = [],  # noqa: B006
    count: Annotated[int | None, typer.Option(min=1, help="Images per dataset.", rich_help_panel="Data")] = None,
    size: Annotated[str | None, typer.Option(help="WIDTHxHEIGHT or any.", rich_help_panel="Data")] = None,
    device: Device = "auto",
    workers: Annotated[int, typer.Option(min=1, help="Local processes.", rich_help_panel="Models")] = 1,
    weights_dir: WeightsDirs = [],  # noqa: B006
    offline: Offline = False,
    out: Annotated[Path | None, typer.Option(help="Run folder; default results/runs/SUITE.")] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Do everything again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")] = False,
) -> None:
    """Run a whole benchmark: rain, restore, judge, compare. What is there is not done again.

    Examples:

        derainbench run

        derainbench run coco350 --coco ~/coco --derainers rain,prenet,clean --out run1

        derainbench run coco350 --coco ~/coco --model detection=ultralytics:yolov8n.onnx

        derainbench run my_suite.toml --derainers rain,path/to/mine.py:build,clean

        derainbench run --derainers rain,finished=folder:out/,onnx:net.onnx --derainers 'command:tool {input} {output}'
    """
    from bench import api
    from bench.config import load_suite, override

    chosen = override(
        load_suite(suite),
        derainers=_listed(derainers),
        tasks=_listed(tasks),
        models=_pairs(model, "--model", "TASK=BACKEND:CHECKPOINT"),
        count=count,
        size=size,
    )
    given = {
        "coco": coco,
        "bdd": bdd,
        **{name: Path(place) for name, place in _pairs(data, "--data", "NAME=DIR").items()},
    }
    roots = {name: place for name, place in given.items() if place is not None}
    options = _options(device, weights_dir, offline)
    folder = out or Path("results/runs") / chosen.name
    if dry_run:
        outlook = api.foresee(chosen, folder, roots=roots, options=options)
        for stage, plan in (("rain", outlook.render), ("derain", outlook.restore), ("judge", outlook.judge)):
            out_console.print(f"{stage}: {plan.images} images to do, {plan.done} done")
        return
    from bench.progress import Bars

    with Bars(error_console) as bars:
        result = api.run_suite(
            chosen, folder, roots=roots, options=options, workers=workers, rebuild=rebuild, progress=bars
        )
    from bench import tables

    names = [entry.name for entry in api.find_derainers(chosen.derainers)]
    for dataset in chosen.datasets:
        if any(record.dataset == dataset for record in result.records):
            _print_table(tables.wide(result.records, dataset, names), f"{chosen.title or chosen.name} - {dataset}")
    if chosen.note:
        out_console.print(chosen.note, style="dim", markup=False)
    out_console.print(f"Tables, records and evidence: {folder}", markup=False, soft_wrap=True)
    _report_failures(len(result.failures), folder / "failures.csv")


@app.command(rich_help_panel="Benchmark")
def table(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    format: Annotated[Literal["csv", "md", "latex", "terminal"], typer.Option()] = "terminal",
    layout: Annotated[Literal["wide", "long"], typer.Option(help="Wide: one row a derainer.")] = "wide",
    dataset: Annotated[str, typer.Option(help="Only this dataset.")] = "",
    all_metrics: Annotated[bool, typer.Option("--all", help="Every metric, not only the headlines.")] = False,
) -> None:
    """Print the tables of a finished run.

    Examples:

        derainbench table run1

        derainbench table run1 --format latex > table.tex

        derainbench table run1 --format csv --layout long
    """
    from bench import tables

    records = tables.read_records(run)
    datasets = list(dict.fromkeys(record.dataset for record in records))
    if dataset and dataset not in datasets:
        raise UserError(f"{run} has no dataset {dataset!r}; it has {', '.join(datasets) or 'none'}")
    records = [record for record in records if dataset in ("", record.dataset)]
    if layout == "long":
        frames = [("records", tables.long(records))]
    else:
        frames = [(d, tables.wide(records, d, every_metric=all_metrics)) for d in datasets if dataset in ("", d)]
    for title, frame in frames:
        if format == "terminal":
            _print_table(frame, title)
        else:
            sys.stdout.write(tables.render(frame, format))


@app.command(rich_help_panel="Images")
def derain(
    name: Annotated[str, typer.Argument(help="A derainer: a name, path/to/file.py:factory, onnx:FILE, ...")],
    input: Annotated[Path, typer.Argument(help="A rainy image or a folder of them.")],
    output: Annotated[Path, typer.Argument(help="A folder, or a .png file for one image.")],
    device: Device = "auto",
    weights_dir: WeightsDirs = [],  # noqa: B006
    offline: Offline = False,
) -> None:
    """Remove the rain from images; each becomes a PNG of the same name.

    Examples:

        derainbench derain prenet rainy.jpg restored.png

        derainbench derain path/to/mine.py:build rainy/ restored/
    """
    from bench import api
    from bench.folders import derain_files, plan_derain
    from bench.progress import Bars

    pairs = plan_derain(input, output)
    entry = api.find_derainers([name])[0]
    derainer = api.build_derainer(entry, _options(device, weights_dir, offline))
    with Bars(error_console) as bars:
        bars.begin("restore", len(pairs), 0)
        failures = derain_files(entry.name, derainer, pairs, bars.advance)
    out_console.print(f"{len(pairs) - len(failures)} of {len(pairs)} images restored in {output}", markup=False)
    _report_failures(len(failures))


@app.command("check-derainer", rich_help_panel="Images")
def check_derainer(
    name: Annotated[str, typer.Argument(help="A name, path/to/file.py:factory, onnx:FILE, ...")],
    device: Device = "auto",
    weights_dir: WeightsDirs = [],  # noqa: B006
    offline: Offline = False,
) -> None:
    """Try a derainer against the contract and say what fails.

    Example:

        derainbench check-derainer path/to/mine.py:build
    """
    from bench import api

    findings = api.try_derainer(name, _options(device, weights_dir, offline))
    for finding in findings:
        mark = "[green]passed[/]" if finding.passed else "[red]failed[/]"
        out_console.print(f"{mark}  {escape(finding.rule)}  {escape(finding.detail)}")
    if not all(finding.passed for finding in findings):
        raise typer.Exit(FAILED)


@app.command(rich_help_panel="Images")
def score(
    restored: Annotated[Path, typer.Argument(help="Folder of restored images.")],
    clean: Annotated[Path, typer.Argument(help="Folder of clean images with the same stems.")],
    out: Annotated[Path | None, typer.Option(help="CSV file for the per-image values.")] = None,
) -> None:
    """Measure image quality (PSNR, SSIM) of two folders paired by stem.

    Example:

        derainbench score restored/ clean/ --out scores.csv
    """
    from bench import api, tables
    from bench.folders import score_folders

    frame, failures = score_folders(api.quality_judge(), restored, clean)
    if out:
        tables.write_frame(out, frame)
    else:
        sys.stdout.write(tables.render(frame, "csv"))
    means = frame.drop(columns="image").replace([float("inf")], float("nan")).mean() if len(frame) else None
    if means is not None:
        for metric, value in means.items():
            error_console.print(f"mean {metric}: {value:.4f} over {int(frame[metric].lt(float('inf')).sum())} images")
    for failure in failures:
        error_console.print(f"failed {failure.image}: {failure.reason}", style="red", markup=False, soft_wrap=True)
    _report_failures(len(failures))


@app.command("list", rich_help_panel="What there is")
def list_(
    what: Annotated[Literal["derainers", "tasks", "datasets", "suites", "metrics"], typer.Argument()],
    weights_dir: WeightsDirs = [],  # noqa: B006
) -> None:
    """Show what can be named in a run.

    Examples:

        derainbench list derainers

        derainbench list suites
    """
    from bench.catalogue import catalogue

    _print_table(catalogue(what, weights_dir), what)


@app.command(rich_help_panel="What there is")
def doctor(weights_dir: WeightsDirs = []) -> None:  # noqa: B006
    """Check the installation: versions, device, optional libraries, weights.

    Example:

        derainbench doctor --weights-dir ~/weights
    """
    from bench.catalogue import health

    for title, frame in health(weights_dir).items():
        _print_table(frame, title)


def main() -> None:
    """Entry point: a user's mistake is one line and exit status 2, never a traceback."""
    try:
        app()
    except UserError as error:
        error_console.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(USER_ERROR)
    except KeyboardInterrupt:
        error_console.print("stopped. What is finished is kept: give the same command to go on")
        sys.exit(INTERRUPTED)


def _options(device: str, weights_dirs: list[Path], offline: bool) -> Options:
    from bench import api

    if absent := next((folder for folder in weights_dirs if not folder.is_dir()), None):
        raise UserError(f"--weights-dir {absent}: no such folder")
    return Options(api.choose_device(device), tuple(weights_dirs), offline)


def _listed(texts: list[str]) -> list[str]:
    """Split at commas, but for a command, which may hold some of its own."""
    parts = [part for text in texts for part in ([text] if "command:" in text else text.split(","))]
    return [part.strip() for part in parts if part.strip()]


def _pairs(texts: list[str], option: str, form: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise UserError(f"{option} {text}: expected {form}")
        pairs[name] = value
    return pairs


def _print_table(frame: pd.DataFrame, title: str) -> None:
    from rich import box
    from rich.table import Table

    shown = Table(title=escape(title), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for index, column in enumerate(frame.columns):
        # Broken before its protocol and its unit, a metric's name is as narrow as its numbers.
        heading = escape(str(column)).replace("@", "\n@").replace(" (", "\n(")
        shown.add_column(heading, justify="right" if index else "left", overflow="fold", no_wrap=not index)
    for row in frame.itertuples(index=False):
        shown.add_row(*(escape(str(cell)) for cell in row))
    out_console.print(shown)


def _report_failures(failures: int, path: Path | None = None) -> None:
    if failures:
        where = f": {path}" if path else ""
        error_console.print(f"[red]{failures} images failed[/]{escape(where)}", soft_wrap=True)
        raise typer.Exit(FAILED)


if __name__ == "__main__":
    main()
