"""Import weights of foreign formats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.commands.console import out_console

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")


@app.callback()
def weights() -> None:
    """Import weights of a foreign format. 'derainbench list derainers' tells which are here.

    Example:

        derainbench weights import mspfn checkpoint/epoch44
    """


@app.command("import")
def import_(
    name: Annotated[Literal["mspfn"], typer.Argument(help="The derainer.")],
    checkpoint: Annotated[Path, typer.Argument(help="TensorFlow's .index file, its data file, or their common stem.")],
    out: Annotated[Path | None, typer.Option(help="Folder to write to, for --weights-dir; default the cache.")] = None,
) -> None:
    """Convert a checkpoint once; from then on the derainer finds it.

    Examples:

        derainbench weights import mspfn checkpoint/epoch44

        derainbench weights import mspfn epoch44.index --out weights/
    """
    from bench.api.derainers import import_weights

    written = import_weights(name, checkpoint.expanduser(), out)
    out_console.print(f"wrote {written}", markup=False, soft_wrap=True)
