from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from bench.devices import usable_cores
from bench.errors import MissingExtraError
from bench.runner.engines import SameProcess
from bench.runner.plan import Step
from bench.runner.processes import WatchedProcesses, local_engine
from bench.runs.rows import Row

TO_NUMBERS = partial(map, int)
ROW = Row("photos", "mine")


@dataclass(frozen=True)
class Told:
    id: str
    text: str


@dataclass(frozen=True)
class Acts:
    """A job whose images are named after what becomes of the process that has them in hand."""

    step: Step

    def only(self, id: str) -> Acts:
        return replace(self, step=replace(self.step, ids=(id,)))

    def lost(self, id: str, reason: str) -> Told:
        return Told(id, reason)


def acts(*ids: str, row: Row = ROW) -> Acts:
    return Acts(Step(row, ids))


def act(job: Acts) -> Iterator[Told]:
    for id in job.step.ids:
        if id.startswith("sleep"):
            time.sleep(600)
        elif id.startswith("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        elif id.startswith("exit"):
            os._exit(3)
        yield Told(id, "done")


def texts(engine: WatchedProcesses, *jobs: Acts) -> dict[str, str]:
    told = list(engine.run(act, deque(jobs)))
    assert len({each.id for each in told}) == len(told), "an image was told twice"
    return {each.id: each.text for each in told}


@pytest.mark.parametrize("workers", [1, 2])
def test_everything_that_the_work_yields_is_passed_on(workers: int) -> None:
    jobs = [[str(number) for number in range(start, start + 3)] for start in range(0, 12, 3)]
    assert sorted(WatchedProcesses(workers).run(TO_NUMBERS, deque(jobs))) == list(range(12))
    assert list(WatchedProcesses(workers).run(TO_NUMBERS, deque())) == []


def test_an_exception_in_the_work_surfaces_as_it_is() -> None:
    with pytest.raises(ValueError, match=r"invalid literal for int.*'x'"):
        list(WatchedProcesses(2).run(TO_NUMBERS, deque([["1"], ["2", "x"], ["3"]])))


def raise_missing(job: object) -> Iterator[object]:
    raise MissingExtraError("Net", "torch", f"mine{job}")
    yield


def test_an_error_of_ours_comes_home_whole() -> None:
    with pytest.raises(MissingExtraError, match="mine5 needs Net, which is not installed"):
        list(WatchedProcesses(1).run(raise_missing, deque([5])))


class UnpicklableError(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def raise_unpicklable(job: object) -> Iterator[object]:
    raise UnpicklableError(1, 2)
    yield


def test_an_error_that_cannot_travel_comes_home_as_text() -> None:
    with pytest.raises(RuntimeError, match="UnpicklableError: 1 and 2"):
        list(WatchedProcesses(1).run(raise_unpicklable, deque([5])))


def test_a_process_that_dies_costs_the_image_in_its_hands() -> None:
    found = texts(WatchedProcesses(2), acts("a", "kill", "b"), acts("c", "exit", "d"))
    assert found == {
        **dict.fromkeys("abcd", "done"),
        "kill": "its process was ended by SIGKILL; out of memory?",
        "exit": "its process ended with status 3",
    }


def test_a_process_that_hangs_is_ended() -> None:
    started = time.monotonic()
    assert texts(WatchedProcesses(1, 5.0), acts("a", "sleep", "b")) == {
        "a": "done", "b": "done", "sleep": "took more than 5 s",
    }  # fmt: skip
    assert time.monotonic() - started < 300


def test_a_row_that_costs_three_processes_in_a_row_is_given_up_and_others_go_on() -> None:
    other = replace(ROW, derainer="other")
    found = texts(WatchedProcesses(1), acts(*(f"exit{n}" for n in range(6))), acts("exit6"), acts("a", row=other))
    assert found.pop("a") == "done"
    assert list(found.values()).count("its process ended with status 3") == 3
    given_up = "not tried: 3 images before it each cost a process (its process ended with status 3)"
    assert list(found.values()).count(given_up) == 4


def test_a_lost_worker_is_an_error_where_the_job_cannot_be_divided() -> None:
    with pytest.raises(RuntimeError, match="a worker was lost: its process ended with status 7"):
        list(WatchedProcesses(1).run(partial(map, os._exit), deque([[7]])))


def pids(job: Path) -> Iterator[int]:
    yield os.getpid()
    time.sleep(600)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc")
def test_no_process_outlives_the_loop() -> None:
    outcomes = WatchedProcesses(2).run(pids, deque([1, 2]))
    found = [next(outcomes), next(outcomes)]
    assert len({os.getpid(), *found}) == 3
    assert all(Path(f"/proc/{pid}").exists() for pid in found)
    outcomes.close()  # type: ignore[attr-defined]
    assert not any(Path(f"/proc/{pid}").exists() for pid in found)


def test_workers_have_their_share_of_the_cores_and_the_environment_is_left_alone() -> None:
    before = dict(os.environ)
    share = str(max(1, usable_cores() // 2))
    names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS"]
    assert list(WatchedProcesses(2).run(partial(map, os.getenv), deque([names]))) == [share, share]
    assert dict(os.environ) == before


def test_one_worker_without_a_limit_needs_no_other_process() -> None:
    assert local_engine(1) == SameProcess()
    assert local_engine(1, 5.0) == WatchedProcesses(1, 5.0)
    assert local_engine(2) == WatchedProcesses(2)
