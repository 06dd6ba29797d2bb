"""Drawn detections have many rare classes, and the intervals that runs write cover more than the bootstrap's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.perf.coverage import coverages, draw_maps, draw_rows


def test_two_detectors_see_the_same_objects() -> None:
    frequencies, ease = 0.8 / np.arange(1, 41), np.zeros(40)
    first, second = draw_rows(np.random.default_rng(0), 60, frequencies, ease)
    for ours, theirs in zip(first, second, strict=True):
        assert (ours.truths == theirs.truths).all()
        assert (ours.hit.sum(axis=1) <= ours.truths.sum()).all(), "an object is found once"
        assert ours.image.max(initial=0) < 60
    with_one = sum((one.truths > 0).sum() == 1 for one in first)
    assert with_one > 3, "some classes are in one image only"


@pytest.mark.slow
def test_widened_intervals_cover_what_they_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.perf.coverage.SETTINGS", ((98, 80, 1.1),))
    monkeypatch.setattr("bench.perf.coverage.MAP_SETTINGS", ((98, 19, 1.1),))
    frame: pd.DataFrame = coverages(120)
    for number in ("AP", "mIoU"):
        covered = frame[frame["number"] == number].set_index("way")["covered"]
        assert covered["percentile"] < covered["widened"]
        assert 0.91 <= covered["widened"] <= 0.995, "95 %, give or take two standard errors of 120 datasets"


def test_label_maps_are_drawn_as_evidence_holds_them() -> None:
    frequencies = 0.8 / np.arange(1, 20) ** 1.1
    first, second = draw_maps(np.random.default_rng(0), 60, frequencies, np.zeros(19))
    assert first.shape == second.shape == (60, 19, 20)
    assert (first.sum(axis=2) == second.sum(axis=2)).all(), "two models see the same pixels"
    images = (first.sum(axis=2) > 0).sum(axis=0)
    assert images[0] > 50
    assert images[-1] < 15, "rare classes are in few images"
    assert np.trace(first.sum(axis=0)) > np.trace(second.sum(axis=0)), "the second one is worse"
