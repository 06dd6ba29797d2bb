"""What there is, and whether it is sound."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.commands.console import FAILED, WeightsDirs, error_console, out_console, print_table
from bench.errors import UserError


def list_(
    what: Annotated[Literal["derainers", "tasks", "datasets", "suites", "metrics"], typer.Argument()],
    weights_dir: WeightsDirs = [],  # noqa: B006
) -> None:
    """Show what can be named in a run.

    Of derainers: paper, training data, millions of parameters, 10^9 operations for an image of 640x480, whether the
    weights are present, can be downloaded, have to be got by hand or trained, and their licence.

    Examples:

        derainbench list derainers

        derainbench list suites
    """
    from bench.catalogue import catalogue

    print_table(catalogue(what, weights_dir), what)


def doctor(
    coco: Annotated[Path | None, typer.Option(help="Examine a folder of COCO.")] = None,
    bdd: Annotated[Path | None, typer.Option(help="Examine a folder of BDD100K.")] = None,
    data: Annotated[Path | None, typer.Option(help="Examine a folder of images, pairs or images and masks.")] = None,
    weights_dir: WeightsDirs = [],  # noqa: B006
) -> None:
    """Check the installation, or name every fault of a folder of photographs.

    Examples:

        derainbench doctor --weights-dir ~/weights

        derainbench doctor --coco ~/coco
    """
    from bench.catalogue import health

    folders: dict[Literal["coco", "bdd", "data"], Path | None] = {"coco": coco, "bdd": bdd, "data": data}
    given = {kind: folder for kind, folder in folders.items() if folder is not None}
    if not given:
        for title, frame in health(weights_dir).items():
            print_table(frame, title)
        return
    if len(given) > 1:
        raise UserError(f"doctor examines one folder at a time, got --{' and --'.join(given)}")
    _examine(*given.popitem())


def _examine(kind: Literal["coco", "bdd", "data"], folder: Path) -> None:
    from bench import data
    from bench.progress import Bars

    with Bars(error_console) as bars:
        examined, faults = data.examine_folder(kind, folder, bars)
    print_table(examined, str(folder))
    if len(faults):
        print_table(faults, "faults")
        raise typer.Exit(FAILED)
    out_console.print("no faults found")
