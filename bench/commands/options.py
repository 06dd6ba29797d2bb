"""Declare the options that several commands share, and parse their texts."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bench.errors import UserError

if TYPE_CHECKING:
    from bench.contract import Options


_ROUTE = re.compile(r"^(clean\+)?([\w.+-]+=)?((folder|onnx|torchscript|trained):)?")
"""What may stand before the path of a derainer."""
_FACTORY = re.compile(r":\w+$")
"""The function of a file, at its end."""
_COMMAND = re.compile(r"(?:(?<=,)|^)\s*(?:[\w.+-]+=)?command:.*", re.DOTALL)
"""A derainer that is a command, with its name if it has one, up to the end of the text."""

Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...", rich_help_panel="Models")]

Devices = Annotated[
    str,
    typer.Option("--device", help="auto, cpu, cuda for all GPUs, cuda:1, cuda:0,cuda:1, ...", rich_help_panel="Models"),
]

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
    Literal["fp32", "tf32", "bf16", "fp16"],
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
    """List the suites whose names begin as typed, for the shell's completion."""
    from bench.suites.suite import suite_names

    return [name for name in suite_names() if name.startswith(typed)]


def complete_derainer(typed: str) -> list[str]:
    """List completions of a derainer's name or of ``NETWORK@FILE``, the last of several with commas between them."""
    from bench.api.catalogue import derainer_names

    before, comma, last = typed.rpartition(",")
    row, equals, last = last.rpartition("=")
    network, at, file = last.partition("@")
    known = [f"{network}@{path}" for path in _paths_like(file)] if at else derainer_names()
    return [before + comma + row + equals + name for name in known if name.startswith(last)]


def _paths_like(typed: str) -> list[str]:
    """List the files and folders whose names begin as typed."""
    folder, slash, start = typed.rpartition("/")
    place = Path(folder or slash or ".").expanduser()
    names = sorted(path.name for path in place.iterdir()) if place.is_dir() else []
    return [folder + slash + name for name in names if name.startswith(start)]


def options_of(device: str, weights_dirs: list[Path], offline: bool, random_weights: bool = False) -> Options:
    """Make the options of the models from those of the command line.

    Raises:
        UserError: A folder of weights is absent, or the device cannot be used.
    """
    from bench.contract import Options
    from bench.devices import choose_device

    if absent := next((folder for folder in weights_dirs if not folder.is_dir()), None):
        raise UserError(f"--weights-dir {absent}: no such folder")
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # libraries that fetch models by themselves ask this
    return Options(choose_device(device), tuple(weights_dirs), offline, allow_random_weights=random_weights)


def listed(texts: list[str]) -> list[str]:
    """Split lists of names at commas, up to a command, which is the rest of its text; commas in paths stay."""
    parts: list[str] = []
    for text in texts:
        command = _COMMAND.search(text)
        before = text[: command.start()] if command else text
        parts += [*_split(before), *([command[0]] if command else [])]
    return [part.strip() for part in parts if part.strip()]


def _split(text: str) -> list[str]:
    """Split at commas but for those in the path of a file or folder that is there."""
    pieces, parts = text.split(","), []
    while pieces:
        ends = range(len(pieces), 1, -1)
        end = next((end for end in ends if _is_path(",".join(pieces[:end]))), 1)
        parts.append(",".join(pieces[:end]))
        pieces = pieces[end:]
    return parts


def _is_path(text: str) -> bool:
    place = _ROUTE.sub("", text.strip())
    paths = [path for path in (place, _FACTORY.sub("", place)) if path]
    try:
        return any(Path(path).expanduser().exists() for path in paths)
    except (OSError, RuntimeError):  # a list longer than the name of a file may be; the home of a user who is none
        return False


def pairs_of(texts: list[str], option: str, form: str) -> dict[str, str]:
    """Split ``NAME=VALUE`` texts into a map of names to values; of a name given twice the last counts.

    Args:
        texts: What was given.
        option: The option, for messages: ``--data``.
        form: The form expected of a text, for messages: ``NAME=DIR``.

    Raises:
        UserError: A text has another form.
    """
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise UserError(f"{option} {text}: expected {form}")
        pairs[name] = value
    return pairs
