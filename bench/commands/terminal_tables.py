"""Fit a table into a terminal: choose which columns stand side by side, and break their texts between words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import zip_longest
from textwrap import wrap
from typing import TYPE_CHECKING, Literal

from rich.markup import escape

from bench.commands.console import out_console

if TYPE_CHECKING:
    import pandas as pd

    from bench.scoring.truth_ledger import TruthLine

_LONGEST_WORD = 40
"""Letters of the longest word that stays whole; longer ones, such as addresses, may be broken anywhere."""

_SAMPLED_ROWS = 64
"""Rows of a long table by which its widths are chosen."""

_IN_AN_INTERVAL = re.compile(r"(?<=,) (?=[-\d.]+\])")
"""The blank within an interval: ``[1.2, 3.4]``."""

TablePart = list[tuple[int, int]]
"""Index and width of the columns that stand side by side in one part of a table."""


def layout_of(columns: Sequence[Sequence[str]], room: int) -> tuple[list[TablePart], int]:
    """Lay a table out for a terminal: with its columns closer together, or in several parts, where it is too wide.

    Args:
        columns: Texts of every column, the lines of its heading first.
        room: Columns of the terminal.

    Returns:
        The parts, and the blanks between columns. The first column, which holds the names, is in every part.
    """
    usual = list(_parts(columns, room, 2))
    closer = list(_parts(columns, room, 1)) if len(usual) > 1 else usual
    return (usual, 2) if len(closer) > 1 or closer is usual else (closer, 1)


def _parts(columns: Sequence[Sequence[str]], room: int, gap: int) -> Iterator[TablePart]:
    """Fill one part after the other with as many columns as the terminal has room for."""
    room -= 2 - gap  # the ends of the rules stand out on both sides
    least = [min(_longest_word(texts), _LONGEST_WORD) for texts in columns]
    least[:1] = [max(len(word) for text in columns[0] for word in text.split() or [""])]
    part = [0]
    for place in range(1, len(columns)):
        if len(part) > 1 and sum(least[index] + gap for index in (*part, place)) > room:
            yield _sized(columns, least, part, room, gap)
            part = [0]
        part.append(place)
    yield _sized(columns, least, part, room, gap)


@cache
def lines_of(text: str, width: int) -> tuple[str, ...]:
    """Break a text into lines between its words; longer words and intervals (``[1.2, 3.4]``) stay whole."""
    whole = _IN_AN_INTERVAL.sub("\N{NO-BREAK SPACE}", text)
    return tuple(line.replace("\N{NO-BREAK SPACE}", " ") for line in wrap(whole, max(1, width), break_long_words=False))


def _sized(
    columns: Sequence[Sequence[str]], least: Sequence[int], part: Sequence[int], room: int, gap: int
) -> TablePart:
    """Choose widths: of each column's longest text, or less where that makes the table least longer."""
    widths = {place: max(map(len, columns[place])) for place in part}
    rows = list(zip_longest(*(columns[place] for place in part), fillvalue=""))
    rows = rows[:: max(1, -(-len(rows) // _SAMPLED_ROWS))]

    def length(narrowed: int) -> int:
        tried = [width - (place == narrowed) for place, width in widths.items()]
        return sum(max(len(lines_of(text, width)) for text, width in zip(row, tried, strict=True)) for row in rows)

    room -= gap * len(part)
    while sum(widths.values()) > room and (wide := [place for place in part if widths[place] > least[place]]):
        widths[min(wide, key=lambda place: (length(place), -widths[place]))] -= 1
    return list(widths.items())


def _longest_word(texts: Sequence[str]) -> int:
    """Count the letters of the longest word, or interval, of several texts."""
    return max(len(word) for text in texts for word in lines_of(text, 1) or [""])


def print_excluded(truth: Sequence[TruthLine]) -> None:
    """Print, below the tables of a run, what of the truth is not scored and why; nothing where all is."""
    from bench.scoring.truth_ledger import notes_below

    for line in notes_below(truth):
        out_console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)


def print_table(frame: pd.DataFrame, title: str) -> None:
    """Print a table under a title so that it fits the terminal: in parts if its columns do not fit side by side."""
    headings = [str(column) for column in frame.columns]
    texts = [frame.iloc[:, place].astype(str).fillna("").tolist() for place in range(len(headings))]
    print_columns(headings, texts, title)


def print_rows(rows: Sequence[Mapping[str, str]], title: str) -> None:
    """Print rows, which have the same columns, likewise; pandas need not be there."""
    headings = list(rows[0]) if rows else []
    print_columns(headings, [[row[heading] for row in rows] for heading in headings], title)


def print_columns(headings: Sequence[str], columns: Sequence[Sequence[str]], title: str) -> None:
    """Print the headings and cells of a table's columns likewise."""
    from bench.tables.ranking import notes_of

    out_console.print(title, style="italic", markup=False, highlight=False)  # a table's own title is as narrow as it
    # Broken before its protocol and its unit, a metric's name is as narrow as its numbers.
    headings = [heading.replace("@", "\n@").replace(" (", "\n(") for heading in headings]
    texts = [[*heading.splitlines(), *cells] for heading, cells in zip(headings, columns, strict=True)]
    parts, gap = layout_of(texts, out_console.width)
    for part in parts:
        _print_part(headings, columns, part, gap)
    for note in notes_of(cell for cells in columns for cell in cells):
        out_console.print(note, style="dim", markup=False, highlight=False)


def _print_part(headings: Sequence[str], columns: Sequence[Sequence[str]], part: TablePart, gap: int) -> None:
    """Print the columns that stand side by side in one part of a table."""
    from rich import box
    from rich.table import Table

    def broken(text: str, width: int) -> str:
        return escape("\n".join(line for given in text.splitlines() for line in lines_of(given, width)))

    shown = Table(box=box.SIMPLE_HEAD, padding=(0, gap - 1, 0, 0), pad_edge=False)
    for place, width in part:
        numbers = place > 0 and all(re.match(r"[-+.\d]|nan$", cell) for cell in columns[place] if cell)
        side: Literal["left", "right"] = "right" if numbers else "left"
        shown.add_column(broken(headings[place], width), width=width, justify=side, overflow="fold")
    for row in zip(*columns, strict=True):
        shown.add_row(*(broken(row[place], width) for place, width in part))
    out_console.print(shown)
