"""Tell what every derainer of a run gains over the rain: the measure that needs no clean images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bench.contract import Metric
from bench.errors import UserError
from bench.runs.records import read_records, untrained_in
from bench.runs.rows import RAIN, kind_of
from bench.scoring.intervals import PairedDifference, comparison, headlines, paired_differences
from bench.scoring.metrics import sign_of
from bench.scoring.per_image import read_measures
from bench.scoring.statistics import holm

GAIN_COLUMNS = [
    "dataset", "derainer", "task", "metric", "unit", "rain", "value", "gain", "low", "high", "p", "p_holm", "images",
    "wins", "losses",
]  # fmt: skip


def gains_over_rain(root: Path, every_metric: bool = False, described: Sequence[Metric] = ()) -> pd.DataFrame:
    """Subtract the row ``rain`` of a run from every derainer, metric by metric, on the same images and resamples.

    Examples:
        >>> from pathlib import Path
        >>> from bench.api import gains_over_rain
        >>> gains_over_rain(Path("run1"))["derainer"].tolist()
        ['classical', 'classical']

    Args:
        root: A run folder.
        every_metric: False tells the headline metrics of every task.
        described: Metrics of tasks from outside, from the run's card.

    Returns:
        One row a dataset, metric and derainer (:data:`GAIN_COLUMNS`): both values, and the gain with its paired 95 %
        interval, positive where the derainer is better, whether higher or lower values are; two-sided p, and p after
        Holm's correction over the derainers of this dataset and metric; on how many of the dataset's images the line
        rests (``3/4``), and how many of these the derainer made better or worse, empty for metrics that one image does
        not have, such as AP. Fewer than ten images give neither interval nor p. Metrics that rank nothing, and rows of
        random weights, are left out.

    Raises:
        UserError: The run has no row ``rain`` or no derainer, or no resamples of them.
    """
    records = read_records(root)
    untrained = untrained_in(records)
    rows = list(dict.fromkeys(record.derainer for record in records))
    derainers = [row for row in rows if kind_of(row, untrained) == "derainer"]
    if RAIN not in rows or not derainers:
        raise UserError(f"{root}: a gain wants the row {RAIN!r} and a derainer; the run has {', '.join(rows)}")
    images, shown = read_measures(root), headlines(records, described, every_headline=True)
    lines = [
        _gain(paired, images)
        for paired in paired_differences(root, records, [(row, RAIN) for row in derainers])
        if sign_of(paired.first.better)
        and (every_metric or (paired.first.dataset, paired.first.task, paired.first.metric) in shown)
    ]
    if not lines:
        raise UserError(f"{root}: has no resamples of {RAIN!r} and a derainer; run again with resamples > 0")
    frame = pd.DataFrame(lines, columns=GAIN_COLUMNS)
    places = frame.groupby(["dataset", "task", "metric"], sort=False)
    frame["p_holm"] = places["p"].transform(lambda tests: holm(tests.tolist()))
    return pd.concat([part for _, part in places], ignore_index=True)


def _gain(paired: PairedDifference, images: pd.DataFrame) -> dict[str, object]:
    """Make one line of the gains: differences in the direction in which the metric is better."""
    told, sign = comparison(paired, images), sign_of(paired.first.better)
    low, high = sorted((sign * paired.ends.low, sign * paired.ends.high))
    wins, losses = (told["higher"], told["lower"])[::sign]
    kept = {name: told[name] for name in ("dataset", "task", "metric", "p", "images")}
    return kept | {
        "derainer": paired.first.derainer, "unit": paired.first.unit,
        "rain": paired.second.value, "value": paired.first.value, "gain": sign * paired.value,
        "low": low, "high": high, "wins": wins, "losses": losses,
    }  # fmt: skip
