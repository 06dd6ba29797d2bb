"""How a table fits a terminal: which columns stand side by side, and where their texts are broken. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import zip_longest
from textwrap import wrap

_LONGEST_WORD = 40
"""Longer ones, such as addresses, may be broken anywhere."""

_LOOKED_AT = 64
"""Rows by which the widths of a long table are chosen."""

_IN_AN_INTERVAL = re.compile(r"(?<=,) (?=[-\d.]+\])")


def parts_of(columns: Sequence[Sequence[str]], room: int) -> Iterator[list[tuple[int, int]]]:
    """Split a table into parts that are narrow enough.

    Args:
        columns: Texts of every column, the lines of its heading first.
        room: Columns of the terminal.

    Yields:
        Place and width of every column of a part. The first one, which holds the names, is in all of them.
    """
    least = [min(_longest_word(texts), _LONGEST_WORD) for texts in columns]
    least[:1] = [max(len(word) for text in columns[0] for word in text.split() or [""])]
    part = [0]
    for place in range(1, len(columns)):
        if len(part) > 1 and _span(least[index] for index in (*part, place)) > room:
            yield _sized(columns, least, part, room)
            part = [0]
        part.append(place)
    yield _sized(columns, least, part, room)


@cache
def lines_of(text: str, width: int) -> tuple[str, ...]:
    """A text broken between its words; longer words and intervals (``[1.2, 3.4]``) stay whole."""
    whole = _IN_AN_INTERVAL.sub("\N{NO-BREAK SPACE}", text)
    return tuple(line.replace("\N{NO-BREAK SPACE}", " ") for line in wrap(whole, max(1, width), break_long_words=False))


def _sized(
    columns: Sequence[Sequence[str]], least: Sequence[int], part: Sequence[int], room: int
) -> list[tuple[int, int]]:
    """Each column as wide as its longest text, or less where that makes the table least longer."""
    widths = {place: max(map(len, columns[place])) for place in part}
    rows = list(zip_longest(*(columns[place] for place in part), fillvalue=""))
    rows = rows[:: -(-len(rows) // _LOOKED_AT)]

    def length(narrowed: int) -> int:
        tried = [width - (place == narrowed) for place, width in widths.items()]
        return sum(max(len(lines_of(text, width)) for text, width in zip(row, tried, strict=True)) for row in rows)

    while _span(widths.values()) > room and (wide := [place for place in part if widths[place] > least[place]]):
        widths[min(wide, key=lambda place: (length(place), -widths[place]))] -= 1
    return list(widths.items())


def _span(widths: Iterable[int]) -> int:
    """Width of a table: on both sides of each column there is a blank or the end of a rule."""
    return sum(width + 2 for width in widths)


def _longest_word(texts: Sequence[str]) -> int:
    return max(len(word) for text in texts for word in lines_of(text, 1) or [""])
