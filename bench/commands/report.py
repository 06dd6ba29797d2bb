"""Command ``report``: write the page of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands.console import out_console

if TYPE_CHECKING:
    from bench.api.report import ReportFile


def report(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    out: Annotated[Path | None, typer.Option(help="The file; default report.html in the run folder.")] = None,
    images: Annotated[int, typer.Option(min=0, help="Images to look at, of all datasets together.")] = 24,
    megabytes: Annotated[float, typer.Option(min=0.1, help="Most that their pictures may take.")] = 15.0,
) -> None:
    """Write one offline HTML file: tables with intervals, plots, and pictures to compare. Needs no model.

    Images that gained or lost most by a derainer are shown first. A run folder without pictures gives a page without
    them.

    Examples:

        derainbench report run1

        derainbench report run1 --images 60 --out run1.html
    """
    from bench.api.report import write_report

    _say(write_report(run, out, images=images, megabytes=megabytes))


def write_page(run: Path, quiet: bool = False) -> None:
    """Write ``report.html`` into a run folder at the end of a run, and say so."""
    from bench.api.report import write_report

    page = write_report(run)
    if not quiet:
        _say(page)


def _say(page: ReportFile) -> None:
    shown = f"{page.shown} of {page.images} images" if page.shown else "no pictures"
    out_console.print(f"Page: {page.path} ({page.size / 1e6:.1f} MB, {shown})", markup=False, soft_wrap=True)
