"""Run steps in this process; :mod:`bench.runner.processes` and :mod:`bench.runner.ray_cluster` run them elsewhere.

All give the same bytes.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from bench.devices import usable_cores
from bench.runner.plan import Step

STEP_IMAGES = 8
"""Images that a worker takes at a time: few enough to share evenly."""
CARD_IMAGES = 128
"""Images that a process with a card takes at a time: at the end of each job the card waits for files."""

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")


class Engine(Protocol):
    """Runs a function over jobs and passes on what it yields, in any order."""

    def run(self, work: Callable[[Job], Iterator[Outcome]], jobs: deque[Job]) -> Iterator[Outcome]:
        """``work`` and the jobs must be picklable; ``work`` yields once an image.

        Jobs are taken out of the queue in order. Whoever takes the outcomes may append others to it meanwhile.
        """
        ...

    def images_a_job(self, on_card: bool) -> int:
        """Say how many images a job should have at most, by whether its model computes on a card."""
        ...

    def close(self) -> None:
        """End what was kept for the next call of ``run``."""
        ...


@dataclass(frozen=True)
class SameProcess:
    """One job after the other, here."""

    def run(self, work: Callable[[Job], Iterator[Outcome]], jobs: deque[Job]) -> Iterator[Outcome]:
        """Run the jobs in order."""
        while jobs:
            yield from work(jobs.popleft())

    def images_a_job(self, on_card: bool) -> int:
        """Return the size of every job."""
        return STEP_IMAGES

    def close(self) -> None:
        """End nothing: nothing is kept."""


@runtime_checkable
class Divisible(Protocol):
    """A job whose images can be tried one by one."""

    @property
    def step(self) -> Step:
        """Its row and images."""
        ...

    def only(self, id: str) -> object:
        """The job of one of its images."""
        ...

    def lost(self, id: str, reason: str) -> object:
        """The outcome of an image that cannot be had."""
        ...


def divide_lost(job: object, finished: Collection[str], reason: str, waiting: deque[Any]) -> list[Any]:
    """Put the unfinished images of a lost job back as jobs of their own; give up the image of a job that has only one.

    Args:
        job: What the lost worker had in hand.
        finished: Ids of its images whose outcomes have come.
        reason: Why the worker was lost.
        waiting: Jobs that nobody has begun; what is put back goes first.

    Returns:
        Outcomes of the images that are given up.

    Raises:
        RuntimeError: The job cannot be divided.
    """
    if not isinstance(job, Divisible):
        raise RuntimeError(f"a worker was lost: {reason}")
    left = [id for id in job.step.ids if id not in finished]
    if len(job.step.ids) > 1:
        waiting.extendleft(job.only(id) for id in reversed(left))
        return []
    return [job.lost(id, reason) for id in left]


THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables by which numerical libraries are told how many cores to use."""


def share_of_cores() -> int:
    """Count the cores that numerical libraries of this process may use: what they were told, else all usable ones."""
    told = os.environ.get(THREAD_VARIABLES[0], "")
    return int(told) if told.isdecimal() and int(told) else usable_cores()


def limit_threads(threads: int) -> None:
    """Keep numerical libraries from using more cores than their share. Call before they are imported."""
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)
