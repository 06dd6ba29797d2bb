"""Times of two ways are medians of turns."""

from __future__ import annotations

import time

import pytest

from bench.perf.timing import in_turns, medians, seconds_of


def test_medians_of_both_and_of_the_ratios_within_turns() -> None:
    assert medians([(1.0, 4.0), (2.0, 2.0), (10.0, 30.0)]) == (2.0, 4.0, 3.0)


def test_turns_alternate_and_the_first_does_not_count() -> None:
    calls: list[str] = []
    waits = iter([0.2, 0.01, 0.02, 0.04, 0.01, 0.09, 0.03, 0.06])

    def wait(name: str) -> None:
        calls.append(name)
        time.sleep(next(waits))

    ours, reference, ratio = in_turns(lambda: wait("ours"), lambda: wait("reference"), turns=3)
    assert calls == ["ours", "reference"] * 4
    assert 0.02 <= ours < 0.05
    assert 0.06 <= reference < 0.1
    assert ratio == pytest.approx(2, abs=0.8)


def test_a_call_is_timed_on_the_wall_or_on_the_processor() -> None:
    assert 0.05 <= seconds_of(lambda: time.sleep(0.05)) < 0.5
    assert seconds_of(lambda: time.sleep(0.05), time.process_time) < 0.03
