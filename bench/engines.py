"""Where steps run: in this process, or in several local ones. Both give the same bytes."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
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


@dataclass(frozen=True)
class LocalProcesses:
    """A pool of processes on this machine, each with its share of the cores.

    Attributes:
        workers: How many processes.
    """

    workers: int

    def run(self, work: Callable[[Job], Iterator[Outcome]], jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Run the jobs; outcomes arrive as steps end."""
        threads = max(1, (os.cpu_count() or 1) // self.workers)
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.workers, context, initializer=limit_threads, initargs=(threads,)) as pool:
            futures = [pool.submit(partial(_listed, work), job) for job in jobs]
            try:
                for future in as_completed(futures):
                    yield from future.result()
            finally:
                for future in futures:
                    future.cancel()


def engine_for(workers: int) -> Engine:
    """The engine for a number of local workers."""
    return LocalProcesses(workers) if workers > 1 else SameProcess()


def limit_threads(threads: int) -> None:
    """Keep numerical libraries from using more cores than their share. Call before they are imported."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)


def _listed(work: Callable[[Job], Iterator[Outcome]], job: Job) -> list[Outcome]:
    return list(work(job))
