"""A training whose steps sleep is timed by its loaders."""

from __future__ import annotations

import pytest

pytest.importorskip("lightning_fabric")

from bench.perf.training import STEP_SECONDS, training_feeds


def test_busy_is_the_share_of_the_time_in_steps() -> None:
    frame = training_feeds(loaders=[0, 1], steps=6)
    assert frame["loaders"].tolist() == [0, 1]
    for _, line in frame.iterrows():
        assert 0 < line["busy"] <= 1
        assert line["steps_per_second"] <= 1 / STEP_SECONDS
        assert line["busy"] / line["steps_per_second"] >= STEP_SECONDS - 1e-3  # seconds in a step
    assert frame["busy"][0] < 0.98  # batches are made between the steps
