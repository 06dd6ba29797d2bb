"""Print for the commands: consoles, JSON, failures and exit statuses."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape

from bench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from bench.commands.bars import Bars
    from bench.io.trials import Finding

FAILED, USER_ERROR, INTERRUPTED = 1, 2, 130
"""Exit statuses: some images failed; the user has to mend something; stopped by Ctrl-C."""

FORMAT = "How it is printed."
"""Help of an option for the format."""

Cell = str | float | int | bool | None
"""Value of a table's cell in JSON."""

# Without emoji: in "detection=net:x:" the end is a name, not a cross.
out_console = Console(emoji=False)
error_console = Console(stderr=True, emoji=False)


def command_line() -> list[str]:
    """Return the words of the running command, as logs tell it."""
    return ["derainbench", *sys.argv[1:]]


def bars_of(quiet: bool, verbose: bool) -> Bars:
    """Make the progress bars: with ``quiet`` hidden, with ``verbose`` and a line for every image.

    Raises:
        UserError: Both are asked for.
    """
    from bench.commands.bars import Bars

    if quiet and verbose:
        raise UserError("--quiet and --verbose contradict each other; leave one out")
    return Bars(error_console, hidden=quiet, every_image=verbose)


def json_text(value: object) -> str:
    """Format a value as JSON in lines that a person can read."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def print_json(value: object) -> None:
    """Print one value as JSON, without colours or line breaks of the console's."""
    sys.stdout.write(json_text(value))


def plain_rows(frame: pd.DataFrame) -> list[dict[str, Cell]]:
    """Convert a table to rows that JSON can hold.

    Cells that are empty or not finite become None, and text that is a number becomes one, but for columns of names: a
    row may be called ``nan``, and an image ``000000001993``.
    """
    return plain_cells(frame.to_dict("records"))


def plain_cells(rows: Iterable[Mapping[Any, object]]) -> list[dict[str, Cell]]:
    """Convert the cells of rows likewise."""
    from bench.runs.records import TEXT_COLUMNS

    return [
        {str(name): str(cell) or None if name in TEXT_COLUMNS else _plain(cell) for name, cell in row.items()}
        for row in rows
    ]


def _plain(cell: object) -> Cell:
    if isinstance(cell, bool | int):
        return cell
    text = "" if cell is None else str(cell)
    try:
        number = float(text)
    except ValueError:
        return text or None
    if not math.isfinite(number):
        return None
    return int(text) if text.lstrip("-").isdecimal() else number


def report_failures(failures: int, path: Path | None = None) -> None:
    """End the command with status 1 if any image failed; name the file with the reasons.

    Raises:
        typer.Exit: An image failed.
    """
    if failures:
        where = f": {path}" if path else ""
        error_console.print(f"[red]{failures} images failed[/]{escape(where)}", soft_wrap=True)
        raise typer.Exit(FAILED)


def report_findings(findings: Sequence[Finding], json: bool) -> None:
    """Print what a contract test found, one rule a line; end the command with status 1 if any rule was broken.

    Raises:
        typer.Exit: A rule was broken.
    """
    if json:
        print_json([asdict(finding) for finding in findings])
    for finding in () if json else findings:
        mark = "[red]failed[/]" if not finding.passed else "[yellow]doubt[/] " if finding.detail else "[green]passed[/]"
        out_console.print(f"{mark}  {escape(finding.rule)}  {escape(finding.detail)}")
    if not all(finding.passed for finding in findings):
        raise typer.Exit(FAILED)
