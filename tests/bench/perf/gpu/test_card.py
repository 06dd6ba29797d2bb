"""A run is timed around a derainer that sleeps in a GPU's place."""

from __future__ import annotations

import pytest

from bench.perf import sleeper
from bench.perf.gpu.card import card_speeds


def test_a_run_is_timed_around_a_stand_in_and_in_one_process() -> None:
    frame = card_speeds(1, turns=1, scenes=2, rows=2, size=(96, 160))
    whole, stage = frame.to_dict("records")
    assert whole["what"].startswith("a run at 160x96, 30 ms an image on a stand-in")
    assert whole["seconds"] > stage["seconds"] > 4 * sleeper.SECONDS
    assert whole["reference_seconds"] > stage["reference_seconds"] > 4 * sleeper.SECONDS
    assert stage["busy"] == pytest.approx(4 * sleeper.SECONDS / stage["seconds"])
    assert stage["reference_busy"] == pytest.approx(4 * sleeper.SECONDS / stage["reference_seconds"])
    assert stage["ratio"] == pytest.approx(stage["reference_seconds"] / stage["seconds"])
