"""Try a task model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.console import report_findings
from bench.commands.options import Device, Json, Offline, WeightsDirs, options_of


def check_model(
    model: Annotated[
        str, typer.Argument(metavar="TASK=MODEL", help="As behind --model: detection=path/to/mine.py:build.")
    ],
    classes: Annotated[
        str,
        typer.Option(
            help="Classes of the dataset to judge: coco, cityscapes, or names by comma. Default: the model's."
        ),
    ] = "",
    image: Annotated[Path | None, typer.Option(help="A photograph to try it on. Default: a drawn street.")] = None,
    device: Device = "auto",
    weights_dir: WeightsDirs = [],  # noqa: B006
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Try a detector or segmenter against the contract and say what fails.

    Examples:

        derainbench check-model detection=path/to/mine.py:build

        derainbench check-model semantic=transformers:path/to/folder --image street.jpg
    """
    from bench.api.models import try_model

    report_findings(try_model(model, options_of(device, weights_dir, offline), classes, image), json)
