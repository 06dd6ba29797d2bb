from __future__ import annotations

import os
from collections import deque
from functools import partial

import pytest

from bench.devices import usable_cores
from bench.runner.engines import THREAD_VARIABLES, SameProcess, limit_threads
from bench.runner.processes import WatchedProcesses

ENGINES = [SameProcess(), WatchedProcesses(1), WatchedProcesses(2)]
TO_NUMBERS = partial(map, int)


@pytest.mark.parametrize("engine", ENGINES, ids=["same process", "one process", "two processes"])
def test_every_engine_passes_on_everything_that_the_work_yields(engine: SameProcess | WatchedProcesses) -> None:
    jobs = [[str(number) for number in range(start, start + 3)] for start in range(0, 12, 3)]
    assert sorted(engine.run(TO_NUMBERS, deque(jobs))) == list(range(12))
    assert list(engine.run(TO_NUMBERS, deque())) == []


def test_within_a_job_the_order_stays() -> None:
    assert list(WatchedProcesses(2).run(TO_NUMBERS, deque([["3", "1", "2"]]))) == [3, 1, 2]
    assert list(SameProcess().run(TO_NUMBERS, deque([["3"], ["1", "2"]]))) == [3, 1, 2]


@pytest.mark.parametrize("engine", ENGINES[::2], ids=["same process", "two processes"])
def test_an_exception_in_the_work_surfaces_as_it_is(engine: SameProcess | WatchedProcesses) -> None:
    with pytest.raises(ValueError, match=r"invalid literal for int.*'x'"):
        list(engine.run(TO_NUMBERS, deque([["1"], ["2", "x"], ["3"]])))


def test_the_same_process_works_as_it_is_asked() -> None:
    outcomes = SameProcess().run(TO_NUMBERS, deque([["1", "x"]]))
    assert next(outcomes) == 1


def test_workers_are_other_processes_with_their_share_of_the_cores() -> None:
    share = str(max(1, usable_cores() // 2))
    jobs = deque([["OMP_NUM_THREADS"], ["MKL_NUM_THREADS"]])
    assert list(WatchedProcesses(2).run(partial(map, os.getenv), jobs)) == [
        share,
        share,
    ]


def test_limits_are_set_for_every_numerical_library(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in THREAD_VARIABLES:
        monkeypatch.setenv(name, "99")
    limit_threads(3)
    assert {os.environ[name] for name in THREAD_VARIABLES} == {"3"}
