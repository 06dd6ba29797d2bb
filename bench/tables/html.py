"""Render a leaderboard as one offline HTML page: nothing is loaded, light and dark, readable on a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import pandas as pd

from bench.contract import Record
from bench.tables.ranking import column_signs, notes_of, places

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 70rem; padding: 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; white-space: nowrap; }
th, td { padding: .25rem .75rem; text-align: right; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: Canvas; }
thead th { border-bottom: 2px solid; vertical-align: bottom; }
tbody tr:hover > * { background: color-mix(in srgb, CanvasText 8%, Canvas); }
dd { margin: 0 0 .5rem; overflow-wrap: anywhere; }
"""


def leaderboard_page(frames: Mapping[str, pd.DataFrame], records: Sequence[Record], title: str = "Leaderboard") -> str:
    """Render a page with one table a dataset, best first, and the protocols by which its numbers were made.

    Args:
        frames: Dataset to its ordered wide table (:func:`bench.tables.ranking.ranked`).
        records: The records behind them.
        title: Heading of the page.
    """
    parts = [
        _table(name, frame, column_signs(records)) + _protocols([r for r in records if r.dataset == name])
        for name, frame in frames.items()
    ]
    head = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n"
        "<p>Best derainer <b>bold</b>, second <u>underlined</u>; <i>rain</i> is the input and <i>clean</i> the "
        "photograph before the rain, between which the derainers lie.</p>\n"
    )
    return head + "".join(parts) + "</body>\n</html>\n"


def _table(name: str, frame: pd.DataFrame, signs: Mapping[str, int]) -> str:
    ranks = places(frame, signs)
    marks = {1: "<b>{}</b>", 2: "<u>{}</u>"}
    heads = "".join(f'<th scope="col">{escape(str(heading))}</th>' for heading in frame.columns)
    rows = []
    for number, row in enumerate(frame.astype(str).itertuples(index=False)):
        cells = [
            marks.get(ranks.get(str(heading), [0] * len(frame))[number], "{}").format(escape(str(cell)))
            for heading, cell in zip(frame.columns, row, strict=True)
        ]
        data = "".join(f"<td>{cell}</td>" for cell in cells[1:])
        rows.append(f'<tr><th scope="row">{cells[0]}</th>{data}</tr>\n')
    notes = "".join(f"<p>{escape(note)}</p>\n" for note in notes_of(frame.astype(str).to_numpy().ravel()))
    return (
        f'<h2>{escape(name)}</h2>\n<div class="wide" tabindex="0"><table>\n<thead><tr>{heads}</tr></thead>\n'
        f"<tbody>\n{''.join(rows)}</tbody>\n</table></div>\n{notes}"
    )


def _protocols(records: Sequence[Record]) -> str:
    found = dict.fromkeys((r.task, r.model, r.protocol_hash, r.protocol) for r in records)
    entries = [
        f"<dt><b>{escape(task)}</b> {escape(model)} <code>{escape(hash_text or 'no hash')}</code></dt>"
        f"<dd>{escape(protocol)}</dd>\n"
        for task, model, hash_text, protocol in found
    ]
    return f"<details><summary>How it was measured</summary>\n<dl>\n{''.join(entries)}</dl>\n</details>\n"
