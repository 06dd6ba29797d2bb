"""Render tables for LaTeX: booktabs rules, the best of every column bold, the second underlined."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

from bench.tables.ranking import places

_ESCAPED = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}",
}  # fmt: skip


_UNRANKED: Mapping[str, int] = MappingProxyType({})


def render_latex(frame: pd.DataFrame, signs: Mapping[str, int] = _UNRANKED) -> str:
    r"""Render a table as a ``tabular``, the best derainer of every column bold, the second underlined.

    The document needs ``\usepackage[T1]{fontenc}`` and ``\usepackage{booktabs}``. The rows ``rain`` and ``clean`` are
    never marked: the derainers lie between them.

    Args:
        frame: Any table.
        signs: Heading to direction, of the columns that are ranked (:func:`bench.tables.ranking.column_signs`).
    """
    ranks = places(frame, signs) if "derainer" in frame.columns[:1] else {}
    marks = {1: r"\textbf{%s}", 2: r"\underline{%s}"}
    lines = [" & ".join(escape(str(heading)) for heading in frame.columns) + r" \\", r"\midrule"]
    for number, row in enumerate(frame.itertuples(index=False)):
        cells = [
            marks.get(ranks[str(heading)][number] if str(heading) in ranks else 0, "%s") % escape(_text(cell))
            for heading, cell in zip(frame.columns, row, strict=True)
        ]
        lines.append(" & ".join(cells) + r" \\")
    columns = "l" + "r" * (len(frame.columns) - 1)
    return "\n".join([rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *lines, r"\bottomrule", r"\end{tabular}", ""])


def escape(text: str) -> str:
    """Escape a text so that LaTeX prints it as it is."""
    return "".join(_ESCAPED.get(letter, letter) for letter in text)


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return "" if cell != cell else f"{cell:.6f}"
    return str(cell)
