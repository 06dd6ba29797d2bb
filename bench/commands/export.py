"""Hand a finished run to other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.commands.console import out_console
from bench.commands.options import Offline


def export(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    to: Annotated[
        Literal["mlflow", "wandb", "tensorboard", "coco", "fiftyone", "tables"], typer.Option(help="The tool.")
    ],
    out: Annotated[Path | None, typer.Option(help="Folder to write to; default RUN-TOOL.")] = None,
    offline: Offline = False,
) -> None:
    """Hand records, tables and predictions to an experiment tracker, a viewer or a repository.

    mlflow logs to MLFLOW_TRACKING_URI, or into the folder if that is not set. wandb logs to your account, or with
    --offline into the folder. coco writes labels and results as pycocotools reads them; fiftyone the same with the
    restored images, a COCODetectionDataset a row. tables writes what can be published beside a paper: every table and
    the card, without pixels and without paths of this machine.

    Examples:

        derainbench export run1 --to mlflow

        derainbench export run1 --to wandb --offline

        derainbench export run1 --to tensorboard --out logs

        derainbench export run1 --to fiftyone --out predictions

        derainbench export run1 --to tables --out results/run1
    """
    folder = out or run.with_name(f"{run.resolve().name}-{to}")
    out_console.print(f"exported to {_export(run, to, folder, offline)}", markup=False, soft_wrap=True)


def _export(run: Path, to: str, folder: Path, offline: bool) -> str:
    """Call the exporter of a tool; return the place to which it exported."""
    if to == "mlflow":
        from bench.exports.to_mlflow import export_mlflow

        return export_mlflow(run, folder, offline)
    if to == "wandb":
        from bench.exports.to_wandb import export_wandb

        return export_wandb(run, folder, offline)
    if to == "tensorboard":
        from bench.exports.to_tensorboard import export_tensorboard

        return export_tensorboard(run, folder)
    if to == "tables":
        from bench.exports.to_tables import export_tables

        return export_tables(run, folder)
    from bench.exports.predictions import export_predictions

    return export_predictions(run, folder, images=to == "fiftyone")
