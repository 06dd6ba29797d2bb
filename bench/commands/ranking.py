"""Command ``ranking``: write the ranking of derainers over finished runs into a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.console import out_console
from bench.commands.options import pairs_of


def ranking(
    runs: Annotated[list[Path], typer.Argument(help="Run folders; the first orders the rows.")],
    into: Annotated[
        Path,
        typer.Option(help="Markdown file with '<!-- ranking -->' and '<!-- end of ranking -->', or one to be made."),
    ],
    trained_on: Annotated[
        list[str],
        typer.Option(
            metavar="ROW=WORDS",
            help="What a row's weights were trained on, if no card tells; else it is not ranked. Repeat for more.",
        ),
    ] = [],  # noqa: B006
) -> None:
    """Write one sortable table of what derainers give back in several runs, rains and tasks, with their cost and harm.

    Whoever was trained on photographs of a dataset is flagged and not ranked on it; rows whose intervals overlap are
    not told apart. Every number links to the card of its run. Rows of a later run stand in the columns of an earlier
    one if images, rain, model, rules and precision are the same: a run of your derainer with rain and clean is enough.

    Examples:

        derainbench ranking results/photographs results/photographs-bars --into docs/ranking.md

        derainbench ranking results/photographs mine --trained-on "mine=Rain13K" --into mine.md
    """
    from bench.api.ranking import write_ranking

    write_ranking(runs, into, pairs_of(trained_on, "--trained-on", "ROW=WORDS"))
    out_console.print(f"Ranking: {into}", markup=False, soft_wrap=True)
