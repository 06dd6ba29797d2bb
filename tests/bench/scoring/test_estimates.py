"""Differences of rows on the page are those that ``compare`` prints."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from bench.runs.records import read_records
from bench.scoring.estimates import Difference, Estimate, compare_pairs, drop_uncertain_recovery
from bench.scoring.intervals import compare_rows

ESTIMATES = {
    ("d", "rain", "AP"): Estimate(10.0, "%", 8.0, 12.0),
    ("d", "mine", "AP"): Estimate(15.0, "%", 13.0, 17.0, 0.5, 0.3, 0.7),
    ("d", "mine", "mIoU"): Estimate(15.0, "%", 13.0, 17.0, 0.5, 0.3, 0.7),
}


def test_what_may_be_no_loss_is_not_recovered() -> None:
    certain, uncertain = (
        {("d", "AP"): Difference(10.0, 5.0, 15.0, 12, 12)},
        {("d", "AP"): Difference(10.0, -1.0, 21.0, 12, 12)},
    )
    assert drop_uncertain_recovery(ESTIMATES, certain) == ESTIMATES
    dropped = drop_uncertain_recovery(ESTIMATES, uncertain)
    assert math.isnan(dropped["d", "mine", "AP"].recovery)
    assert (dropped["d", "mine", "AP"].low, dropped["d", "mine", "mIoU"].recovery) == (13.0, 0.5)


def test_pairs_of_rows_differ_as_compare_says(finished: Path) -> None:
    records = read_records(finished)
    pairs = [("mine", "rain"), ("clean", "rain"), ("nobody", "rain")]
    found = compare_pairs(finished, records, pairs)
    assert list(found) == pairs[:2]
    for first, second in pairs[:2]:
        table = compare_rows(finished, first, second, every_metric=True).dropna(subset=["low"])
        assert len(table) > 10
        assert found[first, second].keys() == set(zip(table["dataset"], table["metric"], strict=True))
        for row in table.itertuples():
            one = found[first, second][row.dataset, row.metric]
            assert (one.value, one.low, one.high) == pytest.approx((row.difference, row.low, row.high))


def test_without_resamples_there_is_nothing_to_compare(finished: Path, tmp_path: Path) -> None:
    assert compare_pairs(tmp_path, read_records(finished), [("mine", "rain")]) == {}
