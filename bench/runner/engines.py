"""Run steps in this process; :mod:`bench.runner.processes` and :mod:`bench.runner.ray_cluster` run them elsewhere.

All give the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")


class Engine(Protocol):
    """Runs a function over jobs and passes on what it yields, in any order."""

    def run(self, work: Callable[[Job], Iterator[Outcome]], jobs: Sequence[Job]) -> Iterator[Outcome]:
        """``work`` and the jobs must be picklable; ``work`` yields once an image."""
        ...


@dataclass(frozen=True)
class SameProcess:
    """One job after the other, here."""

    def run(self, work: Callable[[Job], Iterator[Outcome]], jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Run the jobs in order."""
        for job in jobs:
            yield from work(job)


THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables by which numerical libraries are told how many cores to use."""


def limit_threads(threads: int) -> None:
    """Keep numerical libraries from using more cores than their share. Call before they are imported."""
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)
