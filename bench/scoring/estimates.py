"""Look up scores with their intervals, and differences of rows with theirs, by the names of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.contract import Record
from bench.scoring.intervals import paired_differences


@dataclass(frozen=True)
class Estimate:
    """A score with its 95 % interval, and the recovery with its own; NaN where unknown.

    Scores are in ``unit``, recoveries are ratios: 1 is as good as the clean images.
    """

    value: float
    unit: str
    low: float = math.nan
    high: float = math.nan
    recovery: float = math.nan
    recovery_low: float = math.nan
    recovery_high: float = math.nan


@dataclass(frozen=True)
class Difference:
    """A score of one row less that of another on the same images, with its 95 % interval, in the metric's unit.

    Attributes:
        value: The difference.
        low: Lower end of the interval.
        high: Upper end.
        images: How many images both rows have.
        expected: How many the dataset has.
    """

    value: float
    low: float
    high: float
    images: int
    expected: int

    @property
    def uncertain(self) -> bool:
        """Return True if the interval holds 0: the rows may be equally good."""
        return self.low <= 0 <= self.high


Differences = Mapping[tuple[str, str], Difference]
"""Dataset and metric to the difference of two rows."""

Comparisons = Mapping[tuple[str, str], Differences]
"""A row and the row it is compared with, to their differences."""

Estimates = Mapping[tuple[str, str, str], Estimate]
"""Dataset, derainer and metric to the estimate."""


def estimates_of(records: Sequence[Record], intervals: pd.DataFrame) -> dict[tuple[str, str, str], Estimate]:
    """Join the records of a run with its intervals (:func:`read_intervals`)."""
    names = ["low", "high", "recovery", "recovery_low", "recovery_high"]
    known = {
        (row["dataset"], row["derainer"], row["metric"]): {name: float(row[name]) for name in names}
        for row in intervals.to_dict("records")
    }
    return {
        (record.dataset, record.derainer, record.metric): Estimate(
            record.value, record.unit, **known.get((record.dataset, record.derainer, record.metric), {})
        )
        for record in records
    }


def drop_uncertain_recovery(estimates: Estimates, losses: Differences) -> dict[tuple[str, str, str], Estimate]:
    """Drop the recovery of every metric that the rain may not have changed.

    Args:
        estimates: All of a run.
        losses: ``clean`` less ``rain``.
    """
    uncertain = {place for place, loss in losses.items() if loss.uncertain}
    return {
        key: Estimate(estimate.value, estimate.unit, estimate.low, estimate.high)
        if (key[0], key[2]) in uncertain
        else estimate
        for key, estimate in estimates.items()
    }


def compare_pairs(root: Path, records: Sequence[Record], pairs: Sequence[tuple[str, str]]) -> Comparisons:
    """Compute the difference of each pair of rows with its interval, metric by metric.

    Pairs and metrics without an interval are left out; arguments as in :func:`paired_differences`.

    Raises:
        UserError: A file of resamples is damaged.
    """
    found: dict[tuple[str, str], dict[tuple[str, str], Difference]] = {}
    for paired in paired_differences(root, records, pairs):
        if paired.ends.known:
            of_pair = found.setdefault((paired.first.derainer, paired.second.derainer), {})
            difference = Difference(
                paired.value, paired.ends.low, paired.ends.high, paired.images, paired.first.expected
            )
            of_pair[paired.first.dataset, paired.first.metric] = difference
    return found
