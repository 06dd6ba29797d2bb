"""List what can be named in a run, and check the installation and folders of photographs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bench.commands.console import FAILED, error_console, out_console, plain_rows, print_json
from bench.commands.options import Json, WeightsDirs
from bench.commands.terminal_tables import print_table
from bench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


def list_(
    what: Annotated[
        Literal["derainers", "tasks", "models", "sources", "suites", "metrics"],
        typer.Argument(help="What to show; models answer tasks, sources read photographs."),
    ],
    weights_dir: WeightsDirs = [],  # noqa: B006
    json: Json = False,
) -> None:
    """Show what can be named in a run.

    Of derainers: paper, training data, millions of parameters, 10^9 operations for an image of 640x480, whether the
    weights are present, can be downloaded, have to be got by hand or trained, and their licence.

    Examples:

        derainbench list derainers

        derainbench list suites

        derainbench list models

        derainbench list metrics --json
    """
    from bench.api.catalogue import catalogue

    found = catalogue(what, weights_dir)
    if json:
        print_json(plain_rows(found))
    else:
        print_table(found.drop(columns="datasets", errors="ignore"), what)  # of a suite, mostly what it needs


def doctor(
    coco: Annotated[Path | None, typer.Option(help="Examine a folder of COCO.")] = None,
    bdd: Annotated[Path | None, typer.Option(help="Examine a folder of BDD100K.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Examine a folder of images, pairs or images and masks; NAME=DIR will do.")
    ] = None,
    weights_dir: WeightsDirs = [],  # noqa: B006
    json: Json = False,
) -> None:
    """Check the installation, or name every fault of a folder of photographs.

    Examples:

        derainbench doctor --weights-dir ~/weights

        derainbench doctor --coco ~/coco
    """
    from bench.api.catalogue import health

    if data and not data.exists() and "=" in str(data):  # as run takes it
        data = Path(str(data).partition("=")[2]).expanduser()
    folders: dict[Literal["coco", "bdd", "data"], Path | None] = {"coco": coco, "bdd": bdd, "data": data}
    given = {kind: folder for kind, folder in folders.items() if folder is not None}
    if len(given) > 1:
        raise UserError(f"doctor examines one folder at a time, got --{' and --'.join(given)}")
    found = _examine(*given.popitem()) if given else health(weights_dir)
    if json:
        print_json({title: plain_rows(frame) for title, frame in found.items()})
    else:
        for title, frame in found.items():
            print_table(frame, title)
    if "faults" in found:
        raise typer.Exit(FAILED)
    if any(folders.values()) and not json:
        out_console.print("no faults found")


def _examine(kind: Literal["coco", "bdd", "data"], folder: Path) -> dict[str, pd.DataFrame]:
    from bench.api import datasets as data
    from bench.commands.bars import Bars

    with Bars(error_console) as bars:
        examined, faults = data.examine_folder(kind, folder, bars)
    harmless = faults["fault"].isin(data.HARMLESS)
    tables = {str(folder): examined, "notes": faults[harmless], "faults": faults[~harmless]}
    return {title: frame for title, frame in tables.items() if len(frame)}
