"""The command line: ``derainbench``. Commands are in :mod:`bench.commands`; here they get their names."""

from __future__ import annotations

import sys

import typer
from rich.markup import escape

from bench.commands import about, benchmark, data, images, training, weights
from bench.commands.console import INTERRUPTED, USER_ERROR, error_console
from bench.errors import UserError

app = typer.Typer(
    name="derainbench",
    help="How well does a vision model see after the rain is removed?",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.command(rich_help_panel="Benchmark")(benchmark.run)
app.command(rich_help_panel="Benchmark")(benchmark.table)
app.command(rich_help_panel="Benchmark")(benchmark.compare)
app.command(rich_help_panel="Benchmark")(benchmark.verify)
app.command(rich_help_panel="Data")(data.build)
app.command(rich_help_panel="Data")(data.calibrate)
app.command(rich_help_panel="Data")(data.sheet)
app.command(rich_help_panel="Data")(data.perf)
app.command(rich_help_panel="Images")(images.derain)
app.command(rich_help_panel="Images")(images.score)
app.command("check-derainer", rich_help_panel="Images")(images.check_derainer)
app.command(rich_help_panel="Training")(training.train)
app.add_typer(weights.app, name="weights", rich_help_panel="What there is")
app.command("list", rich_help_panel="What there is")(about.list_)
app.command(rich_help_panel="What there is")(about.doctor)


def main() -> None:
    """Entry point: a user's mistake is one line and exit status 2, never a traceback."""
    try:
        app()
    except UserError as error:
        error_console.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(USER_ERROR)
    except OSError as error:  # a full disk, a file where a folder should be, no right to write
        what = f"{error.filename}: " if error.filename else ""
        error_console.print(f"[bold red]error:[/] {escape(what)}{escape(str(error.strerror or error))}", soft_wrap=True)
        sys.exit(USER_ERROR)
    except KeyboardInterrupt:
        error_console.print("stopped. What is finished is kept: give the same command to go on")
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
