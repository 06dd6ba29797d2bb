"""The speed of intervals is measured for both metrics."""

from __future__ import annotations

import pytest

from bench.perf.resampling import resampling_speeds


def test_both_metrics_and_their_sum_are_told() -> None:
    frame = resampling_speeds(images=3, rows=2, resamples=5)
    assert list(frame["what"]) == ["AP", "mIoU", "AP and mIoU"]
    assert (frame[["seconds", "cpu_seconds"]] > 0).all(axis=None)
    assert frame["seconds"].iloc[2] == pytest.approx(frame["seconds"].iloc[:2].sum())
    assert set(frame["rows"]) == {2}
