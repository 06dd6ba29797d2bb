"""List what can be named in a run, and check the installation and folders of photographs."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bench.commands.console import FAILED, error_console, out_console, plain_cells, plain_rows, print_json
from bench.commands.options import Json, WeightsDirs, pairs_of
from bench.commands.terminal_tables import print_rows, print_table
from bench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from bench.api.catalogue import Rows


def list_(
    what: Annotated[
        Literal["derainers", "tasks", "models", "sources", "suites", "metrics"],
        typer.Argument(help="What to show; models answer tasks, sources read photographs."),
    ],
    weights_dir: WeightsDirs = [],  # noqa: B006
    json: Json = False,
) -> None:
    """Show what can be named in a run.

    Of derainers, by kind (derain only, all-in-one, trained on real rain) and year: paper, training data, millions of
    parameters, 10^9 operations for an image of 640x480, whether the weights are present, can be downloaded, have to be
    got by hand or trained, and their licence.

    Examples:

        derainbench list derainers

        derainbench list suites

        derainbench list models

        derainbench list metrics --json
    """
    from bench.api.catalogue import catalogue

    found = catalogue(what, weights_dir)
    if json:
        print_json(plain_cells(found))
    elif what == "derainers":
        _print_derainers(found)
    else:
        print_rows(_without(found, "datasets"), what)  # of a suite, mostly what it needs


_STATES = {
    "present": "here",
    "download": "a command away: their first run downloads them",
    "by hand": "to be got by hand: any command that needs them says where",
    "train it": "published by nobody: derainbench train NAME, or name a file: NAME@FILE",
}
"""What the states of weights mean to who wants them."""


def _print_derainers(found: Rows) -> None:
    """Print a table for each kind, by year, and say how the weights are had."""
    for kind, group in groupby(found, key=lambda row: row["kind"]):
        print_rows(_without(group, "kind", "year"), kind)  # a paper has its year
    for state, meaning in _STATES.items():
        if names := [row["name"] for row in found if row["weights"] == state]:
            text = f"weights of {len(names)} derainers ({state}) are {meaning}"
            out_console.print(text, markup=False, highlight=False)


def _without(rows: Iterable[dict[str, str]], *columns: str) -> Rows:
    return [{name: cell for name, cell in row.items() if name not in columns} for row in rows]


def doctor(
    suite: Annotated[str, typer.Argument(help="Examine the photographs of a suite, as its run reads them.")] = "",
    coco: Annotated[Path | None, typer.Option(help="Folder of COCO, or any folder with a COCO label file.")] = None,
    bdd: Annotated[Path | None, typer.Option(help="Folder of BDD100K.")] = None,
    data: Annotated[
        list[str], typer.Option(help="Folder of images, pairs or images and masks; of a suite: NAME=DIR.")
    ] = [],  # noqa: B006
    published: Annotated[str, typer.Option("--set", help="With --data: the published set of pairs it is.")] = "",
    weights_dir: WeightsDirs = [],  # noqa: B006
    json: Json = False,
) -> None:
    """Check the installation, or name every fault of photographs: of a folder, or of all that a suite reads.

    Examples:

        derainbench doctor --weights-dir ~/weights

        derainbench doctor --coco ~/coco

        derainbench doctor --data ~/Rain800/test --set rain800

        derainbench doctor mine.toml --data photos=~/photos
    """
    from bench.api.catalogue import health

    examined = suite or coco or bdd or data
    found = _examine(suite, coco, bdd, data, published) if examined else health(weights_dir)
    if json:
        print_json({title: plain_rows(frame) for title, frame in found.items()})
    else:
        for title, frame in found.items():
            print_table(frame, title)
    if "faults" in found:
        raise typer.Exit(FAILED)
    if examined and not json:
        out_console.print("no faults found")


def _examine(
    suite: str, coco: Path | None, bdd: Path | None, data: list[str], published: str
) -> dict[str, pd.DataFrame]:
    from bench.api import datasets as library
    from bench.commands.bars import Bars
    from bench.suites.suite import load_suite

    folders: list[tuple[Literal["coco", "bdd", "data"], Path]] = []
    folders += [("coco", coco)] if coco else []
    folders += [("bdd", bdd)] if bdd else []
    folders += [("data", _folder(text)) for text in data]
    if suite and published:
        raise UserError("--set tells what a folder of --data is; a suite names the sets itself")
    if not suite and len(folders) > 1:
        raise UserError(f"doctor examines one folder at a time, got {', '.join(str(path) for _, path in folders)}")
    with Bars(error_console) as bars:
        if suite:
            roots = {name: Path(value) for name, value in pairs_of(data, "--data", "NAME=DIR").items()}
            roots |= {kind: folder for kind, folder in folders if kind != "data"}
            title, found = suite, library.examine_suite(load_suite(suite), roots, bars)
        else:
            (kind, folder), title = folders[0], str(folders[0][1])
            found = library.examine_folder(kind, folder, bars, published)
    tables = {title: found.sources, "notes": found.notes, "faults": found.faults}
    return {name: frame for name, frame in tables.items() if len(frame)}


def _folder(text: str) -> Path:
    """A folder, or what follows the name in ``NAME=DIR``, as run takes it."""
    path = Path(text)
    return Path(text.partition("=")[2]).expanduser() if not path.exists() and "=" in text else path
