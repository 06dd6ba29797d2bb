"""Write gains over the rain, and the upper reference of other images, for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from bench.contract import Metric, Record
from bench.runs.card import CARD, read_card
from bench.runs.rows import RAIN, reference_name
from bench.scoring.metrics import digits_of, heading
from bench.tables.wide import wide, with_intervals

HOLM = "p is corrected (Holm) over the derainers of a dataset and metric"
"""What a reader of gains has to know of p."""
UNPAIRED = "a reference is of other images, in clear weather: nothing about it is paired, and nothing recovers it"
"""What a reader of a reference has to know."""


def references_of(run: Path) -> dict[str, str]:
    """Map the datasets of a run to the references that its suite names; empty where there is no card."""
    datasets = read_card(run).suite.get("datasets", {}) if (run / CARD).is_file() else {}
    named = {str(name): str(one.get("reference", "")) for name, one in datasets.items()}
    return {name: reference for name, reference in named.items() if reference}


def gain_tables(gains: pd.DataFrame, described: Sequence[Metric] = ()) -> dict[str, pd.DataFrame]:
    """Make the table of gains of every dataset; every cell is text.

    Args:
        gains: Of :func:`bench.scoring.gains.gains_over_rain`.
        described: Metrics of tasks from outside, from the run's card.
    """
    return {
        str(name): pd.DataFrame([_line(row, described) for row in rows.to_dict("records")])
        for name, rows in gains.groupby("dataset", sort=False)
    }


def _line(row: Mapping[object, object], described: Sequence[Metric]) -> dict[str, str]:
    metric, unit = str(row["metric"]), str(row["unit"])
    digits = digits_of(metric, unit, described)
    rain, value, gain, low, high, p = (
        float(str(row[key])) for key in ("rain", "value", "gain", "low", "high", "p_holm")
    )
    return {
        "derainer": str(row["derainer"]),
        "metric": heading(metric, unit),
        "rain": f"{rain:.{digits}f}",
        "value": f"{value:.{digits}f}",
        "gain": f"{gain:+.{digits}f}",
        "95 % interval": f"[{low:+.{digits}f}, {high:+.{digits}f}]" if math.isfinite(low) else "",
        "p": f"{p:.3f}" if math.isfinite(p) else "",
        "better/worse": f"{row['wins']}/{row['losses']}".strip("/"),
        "images": str(row["images"]),
    }


def with_reference(
    table: pd.DataFrame,
    records: Sequence[Record],
    reference: str,
    intervals: pd.DataFrame | None = None,
    described: Sequence[Metric] = (),
) -> pd.DataFrame:
    """Put another dataset's row ``rain`` below a wide table, as the unpaired upper reference of real rain.

    Args:
        table: Of :func:`bench.tables.wide.wide`.
        records: Records of the run, the other dataset's among them.
        reference: The other dataset.
        intervals: Of :func:`bench.scoring.intervals.read_intervals`, if intervals are shown.
        described: Metrics of tasks from outside, from the run's card.
    """
    own = [record for record in records if (record.dataset, record.derainer) == (reference, RAIN)]
    row = wide(own, reference, every_metric=True, mix=True, described=described)
    row = row if intervals is None else with_intervals(row, intervals, reference)
    row["derainer"] = reference_name(reference)
    return pd.concat([table, row.reindex(columns=table.columns, fill_value="")], ignore_index=True)
