"""What the commands share: consoles, options, tables, exit statuses."""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape

from bench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from bench.contract import Options
    from bench.progress import Bars

FAILED, USER_ERROR, INTERRUPTED = 1, 2, 130
"""Exit statuses: some images failed; the user has to mend something; stopped by Ctrl-C."""

FORMAT = "How it is printed."

_COMMAND = re.compile(r"(?:(?<=,)|^)\s*(?:[\w.+-]+=)?command:.*", re.DOTALL)

Cell = str | float | int | bool | None

# Without emoji: in "detection=net:x:" the end is a name, not a cross.
out_console = Console(emoji=False)
error_console = Console(stderr=True, emoji=False)

Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...", rich_help_panel="Models")]
WeightsDirs = Annotated[
    list[Path],
    typer.Option(
        "--weights-dir",
        help="Folder searched for weights by their digest; repeatable. Also DERAINBENCH_WEIGHTS.",
        rich_help_panel="Models",
    ),
]
Offline = Annotated[
    bool,
    typer.Option("--offline", envvar="DERAINBENCH_OFFLINE", help="Never download anything.", rich_help_panel="Models"),
]
AllowRandomWeights = Annotated[
    bool,
    typer.Option(
        "--allow-random-weights",
        help="Run derainers whose weights nobody can download untrained; tables leave them out.",
        rich_help_panel="Models",
    ),
]
Precision = Annotated[
    Literal["fp32", "bf16", "fp16"],
    typer.Option(help="Of the derainers' networks; the card tells what it changes.", rich_help_panel="Models"),
]
Compile = Annotated[
    bool,
    typer.Option("--compile", help="Compile the derainers' networks; needs a C++ compiler.", rich_help_panel="Models"),
]
Workers = Annotated[int, typer.Option(min=1, help="Local processes.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors and failures.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say every image.")]
Json = Annotated[bool, typer.Option("--json", help="For scripts: JSON on standard output.")]


def complete_suite(typed: str) -> list[str]:
    """What the shell may make of the beginning of a suite's name."""
    from bench.config import suite_names

    return [name for name in suite_names() if name.startswith(typed)]


def complete_derainer(typed: str) -> list[str]:
    """Likewise of a derainer's name, or of the last of several with commas between them."""
    from bench.catalogue import derainer_names

    before, comma, last = typed.rpartition(",")
    return [before + comma + name for name in derainer_names() if name.startswith(last)]


def options_of(device: str, weights_dirs: list[Path], offline: bool, random_weights: bool = False) -> Options:
    """Options of the models, checked.

    Raises:
        UserError: A folder is absent, or the device cannot be used.
    """
    from bench import api
    from bench.contract import Options

    if absent := next((folder for folder in weights_dirs if not folder.is_dir()), None):
        raise UserError(f"--weights-dir {absent}: no such folder")
    return Options(api.choose_device(device), tuple(weights_dirs), offline, allow_random_weights=random_weights)


def listed(texts: list[str]) -> list[str]:
    """Split at commas up to a command, which is the rest of its text, since it may hold commas of its own."""
    parts: list[str] = []
    for text in texts:
        command = _COMMAND.search(text)
        before = text[: command.start()] if command else text
        parts += [*before.split(","), *([command[0]] if command else [])]
    return [part.strip() for part in parts if part.strip()]


def pairs_of(texts: list[str], option: str, form: str) -> dict[str, str]:
    """Take ``NAME=VALUE`` texts apart.

    Raises:
        UserError: One has another form.
    """
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise UserError(f"{option} {text}: expected {form}")
        pairs[name] = value
    return pairs


def command_line() -> list[str]:
    """This command, as logs tell it."""
    return ["derainbench", *sys.argv[1:]]


def bars_of(quiet: bool, verbose: bool) -> Bars:
    """The progress bars: none, or a line for every image besides.

    Raises:
        UserError: Both are wanted.
    """
    from bench.progress import Bars

    if quiet and verbose:
        raise UserError("--quiet and --verbose contradict each other; leave one out")
    return Bars(error_console, hidden=quiet, every_image=verbose)


def json_text(value: object) -> str:
    """A value as JSON, whose lines a person can read."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def print_json(value: object) -> None:
    """Print JSON, one value a call, without colours or line breaks of the console's."""
    sys.stdout.write(json_text(value))


def plain_rows(frame: pd.DataFrame) -> list[dict[str, Cell]]:
    """Rows as JSON can hold them: text that is a number becomes one; what is empty or not finite is None."""
    return [{str(name): _plain(cell) for name, cell in row.items()} for row in frame.to_dict("records")]


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


def print_table(frame: pd.DataFrame, title: str) -> None:
    """Print a table that fits the terminal: in parts, if its columns do not fit side by side."""
    from rich import box
    from rich.table import Table

    from bench.commands.layout import layout_of, lines_of

    def broken(text: str, width: int) -> str:
        return escape("\n".join(line for given in text.splitlines() for line in lines_of(given, width)))

    out_console.print(title, style="italic", markup=False, highlight=False)  # a table's own title is as narrow as it
    # Broken before its protocol and its unit, a metric's name is as narrow as its numbers.
    headings = [str(column).replace("@", "\n@").replace(" (", "\n(") for column in frame.columns]
    columns = [frame.iloc[:, place].astype(str).tolist() for place in range(len(headings))]
    texts = [[*heading.splitlines(), *cells] for heading, cells in zip(headings, columns, strict=True)]
    parts, gap = layout_of(texts, out_console.width)
    for part in parts:
        shown = Table(box=box.SIMPLE_HEAD, padding=(0, gap - 1, 0, 0), pad_edge=False)
        for place, width in part:
            numbers = place > 0 and all(re.match(r"[-+.\d]|nan$", cell) for cell in columns[place] if cell)
            side: Literal["left", "right"] = "right" if numbers else "left"
            shown.add_column(broken(headings[place], width), width=width, justify=side, overflow="fold")
        for row in zip(*columns, strict=True):
            shown.add_row(*(broken(row[place], width) for place, width in part))
        out_console.print(shown)


def report_failures(failures: int, path: Path | None = None) -> None:
    """End with status 1 if any image failed, saying where the reasons are."""
    if failures:
        where = f": {path}" if path else ""
        error_console.print(f"[red]{failures} images failed[/]{escape(where)}", soft_wrap=True)
        raise typer.Exit(FAILED)
