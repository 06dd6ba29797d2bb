"""Put gains over the rain, and the reference in clear weather, on the page of a run without clean images. Pure."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from bench.report.findings import Sentence
from bench.report.tables import Cell, Column, Table, TableRow, score_cell, shown
from bench.runs.rows import RAIN, reference_name
from bench.scoring.estimates import Estimates
from bench.scoring.metrics import heading
from bench.tables.gains import UNPAIRED

_NOTE = (
    "Over the rain on the same images; above 0 the derainer is better. Below: the paired 95 % interval; p after Holm's "
    "correction over the derainers of the column; images that got better/worse, where single images have the metric."
)
_UNPAIRED = f"{UNPAIRED.capitalize()}."


def gain_table(gains: pd.DataFrame, dataset: str) -> Table | None:
    """Make the table of every derainer's gains over the rain on one dataset; None where none is known.

    Args:
        gains: Of :func:`bench.scoring.gains.gains_over_rain`.
        dataset: Which one.
    """
    own = gains[gains["dataset"] == dataset]
    if own.empty:
        return None
    cells = {(line["derainer"], line["metric"]): _cell(line) for line in own.to_dict("records")}
    units = dict(zip(own["metric"], own["unit"], strict=True))
    lines = tuple(
        TableRow(str(row), "derainer", tuple(cells.get((row, metric), Cell("")) for metric in units))
        for row in dict.fromkeys(own["derainer"])
    )
    columns = tuple(Column(metric, unit) for metric, unit in units.items())
    return Table(f"Gain over the rain on {dataset}", "derainer", columns, lines, _NOTE)


def gain_findings(gains: pd.DataFrame, dataset: str, metrics: Sequence[str]) -> list[Sentence]:
    """Say what each derainer gains by a dataset's main metrics, the best first, and why nothing is recovered.

    Args:
        gains: As for :func:`gain_table`.
        dataset: Which dataset.
        metrics: Its main metrics.
    """
    reason = (
        "The photographs are used as they are: nobody has these scenes without rain, so there is no recovery and no "
    )
    found = [
        Sentence(reason + "score against a model's answers on clean images (pseudo_gt). The gain over the rain counts.")
    ]
    own = gains[gains["dataset"] == dataset].sort_values("gain", ascending=False, kind="stable")
    for metric in metrics:
        told = [_gained(line) for line in own[own["metric"] == metric].to_dict("records")]
        found += [Sentence(f"Over the rain, in {metric}: {'; '.join(told)}.")] if told else []
    return found


def with_reference(table: Table, estimates: Estimates, dataset: str) -> Table:
    """Put another dataset's row ``rain`` below a table of scores, as the unpaired upper reference.

    Args:
        table: Of :func:`bench.report.tables.score_table`.
        estimates: All of the run.
        dataset: The other dataset, in clear weather.
    """
    cells = [score_cell(estimates.get((dataset, RAIN, column.heading))) for column in table.columns]
    line = TableRow(reference_name(dataset), "reference", tuple(cells))
    return replace(table, lines=(*table.lines, line), note=" ".join(filter(None, (table.note, _UNPAIRED))))


def reference_findings(estimates: Estimates, dataset: str, metrics: Sequence[str]) -> list[Sentence]:
    """Say what a reference in clear weather has in the main metrics of a dataset of rain."""
    known = [(metric, one) for metric in metrics if (one := estimates.get((dataset, RAIN, metric)))]
    told = ", ".join(f"{heading(metric, one.unit)} {shown(one.value, one.unit)}" for metric, one in known)
    return [Sentence(f"In clear weather, on the other images of {dataset}: {told}; not paired.")] if told else []


def _cell(line: Mapping[Hashable, Any]) -> Cell:
    text = _signed(line["gain"], line["unit"])
    ends = (_signed(line[end], line["unit"], -1) for end in ("low", "high"))
    below = [" – ".join(ends), f"p {line['p_holm']:.3f}"]
    images = f"{line['wins']}/{line['losses']}".strip("/")
    parts = [*(below if math.isfinite(line["low"]) else ()), *([images] if images else ())]
    return Cell(text, float(line["gain"]), "; ".join(parts))


def _gained(line: Mapping[Hashable, Any]) -> str:
    text = f"{line['derainer']} {_signed(line['gain'], line['unit'])}"
    if not math.isfinite(line["low"]):
        return text
    ends = (_signed(line[end], line["unit"], -1) for end in ("low", "high"))
    return f"{text} ({' to '.join(ends)}, p {line['p_holm']:.3f})"


def _signed(value: float, unit: str, more: int = 0) -> str:
    return ("+" if value >= 0 else "−") + shown(abs(value), unit, more)
