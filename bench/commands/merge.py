"""Join the shards of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.console import out_console, report_failures


def merge(
    out: Annotated[Path, typer.Argument(help="A new run folder.")],
    shards: Annotated[list[Path], typer.Argument(help="The folders of all shards.")],
) -> None:
    """Join the shards of a run: the same files, to the byte, as if one machine had done it all.

    Examples:

        derainbench merge run1 shard1 shard2 shard3

        derainbench merge run1 shards/*
    """
    from bench.api.merge import merge_runs

    result = merge_runs(out, shards)
    out_console.print(f"{len(shards)} shards, {len(result.records)} records: {out}", markup=False, soft_wrap=True)
    report_failures(len(result.failures), out / "failures.csv")
