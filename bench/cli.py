"""The command line: ``derainbench``. Commands are in :mod:`bench.commands`; here they get their names."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from typing import Annotated

import typer
from rich.markup import escape

from bench import __version__
from bench.commands import catalogue as about
from bench.commands import cost, export, images, merge, models, perf, ranking, report, tables, weights
from bench.commands import datasets as data
from bench.commands import run as benchmark
from bench.commands import train as training
from bench.commands import train_task as task_training
from bench.commands.console import INTERRUPTED, USER_ERROR, error_console
from bench.commands.program import begin_program, end_program
from bench.errors import UserError

RESUMABLE = frozenset({"run", "build", "train", "train-task"})
"""Commands that go on where they were stopped when they are given again."""

app = typer.Typer(
    name="derainbench",
    epilog=(
        "Exit status: 0 all is well; 1 some images failed, or a check found faults; 2 the command has to be mended; "
        "130 stopped by Ctrl-C. Colours are left out where NO_COLOR is set."
    ),
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
_PANELS: dict[str, dict[str, Callable[..., None]]] = {
    "Benchmark": {
        "run": benchmark.run,
        "table": tables.table,
        "leaderboard": tables.leaderboard,
        "ranking": ranking.ranking,
        "compare": benchmark.compare,
        "correlate": tables.correlate,
        "report": report.report,
        "verify": benchmark.verify,
        "merge": merge.merge,
        "export": export.export,
        "cost": cost.cost,
    },
    "Data": {"build": data.build, "calibrate": data.calibrate, "sheet": data.sheet, "perf": perf.perf},
    "Images": {
        "derain": images.derain,
        "score": images.score,
        "check-derainer": images.check_derainer,
        "check-model": models.check_model,
    },
    "Training": {"train": training.train, "train-task": task_training.train_task},
    "What there is": {"list": about.list_, "doctor": about.doctor},
}


def flowing(docstring: str) -> str:
    """A docstring whose lines end where the terminal ends, not where the source does."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in docstring.split("\n\n"))


for _panel, _commands in _PANELS.items():
    for _name, _command in _commands.items():
        app.command(_name, help=flowing(_command.__doc__ or ""), rich_help_panel=_panel)(_command)
app.add_typer(weights.app, name="weights", rich_help_panel="What there is")


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"derainbench {__version__}\n")
        raise typer.Exit


@app.callback()
def derainbench(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """How well does a vision model see after the rain is removed?"""


def main() -> None:
    """Entry point: a user's mistake is one line and exit status 2, never a traceback."""
    begin_program()
    try:
        _run_command()
    except SystemExit as end:
        end_program(end.code if isinstance(end.code, int) else int(end.code is not None))
        raise


def _run_command() -> None:
    try:
        app()
    except UserError as error:
        error_console.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(USER_ERROR)
    except OSError as error:  # a full disk, a file where a folder should be, no right to write
        what = f"{error.filename}: " if error.filename else ""
        error_console.print(f"[bold red]error:[/] {escape(what)}{escape(str(error.strerror or error))}", soft_wrap=True)
        sys.exit(USER_ERROR)
    except (KeyboardInterrupt, SystemExit) as end:
        if isinstance(end, SystemExit) and end.code != INTERRUPTED:
            raise
        error_console.print(_stopped(sys.argv[1:]), markup=False, highlight=False, soft_wrap=True)
        sys.exit(INTERRUPTED)


def _stopped(arguments: list[str]) -> str:
    if not RESUMABLE.intersection(arguments[:1]):
        return "stopped"
    return f"stopped. What is finished is kept. To go on:\n  {shlex.join(['derainbench', *arguments])}"


if __name__ == "__main__":
    main()
