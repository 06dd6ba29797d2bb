"""Run jobs in local processes that are watched: one that hangs or dies costs the image in its hands, nothing more.

Some processes have a graphics card each and do the jobs whose models compute on one; the others do the rest, and all
where there is no card.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import pickle
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from time import monotonic
from typing import Any, TypeVar, cast

from bench.devices import usable_cores
from bench.errors import UserError
from bench.runner.engines import (
    CARD_IMAGES,
    STEP_IMAGES,
    Divisible,
    Engine,
    SameProcess,
    divide_lost,
    limit_threads,
)
from bench.runner.loaders import forget
from bench.runs.rows import Row

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")

_STEP_ASIDE = 5
"""Niceness of processes beside a card: its images are read and written first, so that it never waits for cores."""
STRIKES = 3
"""So many images in a row may cost a process each; then the rest of their row is given up."""


@dataclass
class _Worker:
    """A worker process and its current job.

    Attributes:
        process: The spawned process.
        pipe: Work and jobs go in; ``ready`` at the start, outcomes, errors, and ``end`` after each job come out.
        card: Its card, as in :class:`WatchedProcesses`; None for a process without one.
        job: What it works on; None while it waits.
        told: Ids of the job's images whose outcomes have come.
        since: When it last gave a sign of life, in seconds of the monotonic clock; infinite until it is ready.
    """

    process: SpawnProcess
    pipe: Connection
    card: str | None = None
    job: object = None
    told: list[str] = field(default_factory=list)
    since: float = inf

    def give(self, work: object, job: object) -> None:
        self.job, self.told = job, []
        self.since = monotonic() if self.since < inf else inf
        with suppress(OSError):  # it died while it waited; reading the pipe will tell
            self.pipe.send((work, job))

    def end(self) -> None:
        """Kill it with all that it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(cast(int, self.process.pid), signal.SIGKILL)
        self.process.kill()
        self.process.join()
        self.pipe.close()


@dataclass(frozen=True)
class WatchedProcesses:
    """Processes on this machine, each with its share of the cores.

    When one hangs or dies, the unfinished images of its job are tried one by one in a new process. The image
    that costs a second process is at fault.

    Attributes:
        workers: How many processes without a card.
        time_limit_seconds: Longest that an image may take, the first of a model with its loading; 0 for no limit.
        cards: One more process each: what it is told by ``CUDA_VISIBLE_DEVICES``; empty leaves it as it is.
    """

    workers: int
    time_limit_seconds: float = 0.0
    cards: tuple[str, ...] = ()
    _crew: list[_Worker] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        atexit.register(self.close)  # before Python waits for processes that wait for jobs

    def images_a_job(self, on_card: bool) -> int:
        """Return the size of a job; a card is given more images at a time."""
        return CARD_IMAGES if on_card and self.cards else STEP_IMAGES

    def close(self) -> None:
        """End the processes, which wait for the jobs of the next stage."""
        for worker in self._crew:
            worker.end()
        self._crew.clear()

    def run(self, work: Callable[[Job], Iterator[Outcome]], jobs: deque[Job]) -> Iterator[Outcome]:
        """Run the jobs; outcomes arrive as images end."""
        waiting: tuple[deque[Any], deque[Any]] = (deque(), deque())
        strikes: Counter[Row] = Counter()
        crew, finished = self._crew, False
        try:
            while jobs or any(waiting) or any(worker.job is not None for worker in crew):
                while jobs:
                    waiting[self._needs_card(jobs[0])].append(jobs.popleft())
                self._employ(waiting, work)
                for worker in self._heard(crew):
                    yield from self._listen(worker, waiting[self._needs_card(worker.job)], strikes)
                crew[:] = [worker for worker in crew if not worker.pipe.closed]
            finished = True
        finally:
            if not finished:
                self.close()

    def _needs_card(self, job: object) -> bool:
        return bool(self.cards) and bool(getattr(job, "on_card", False))

    def _employ(self, waiting: tuple[deque[Any], deque[Any]], work: object) -> None:
        """Give every idle worker a job of its kind; start those with cards at once, others while there are jobs."""
        for jobs, seats in zip(waiting, ((None,) * self.workers, self.cards), strict=True):
            idle = [worker for worker in self._crew if worker.job is None and worker.card in seats]
            free = list((Counter(seats) - Counter(worker.card for worker in self._crew)).elements())
            wanted = len(free) if seats is self.cards else max(0, len(jobs) - len(idle))
            niceness = _STEP_ASIDE if self.cards and seats is not self.cards else 0
            new = [_start(card, max(1, usable_cores() // len(seats)), niceness) for card in free[:wanted]]
            self._crew.extend(new)
            for worker in [*idle, *new][: len(jobs)]:
                worker.give(work, jobs.popleft())

    def _heard(self, crew: list[_Worker]) -> list[_Worker]:
        """Wait until a busy worker says something, dies, or has been silent for too long."""
        busy = [worker for worker in crew if worker.job is not None]
        deadline = min(map(self._deadline, busy))
        speaking = wait([worker.pipe for worker in busy], max(0.0, deadline - monotonic()) if deadline < inf else None)
        return [worker for worker in busy if worker.pipe in speaking or self._deadline(worker) <= monotonic()]

    def _deadline(self, worker: _Worker) -> float:
        if not self.time_limit_seconds:
            return inf
        # Among others an image is told while the next is in hand; alone, where it is blamed, it has its time exactly.
        alone = not isinstance(worker.job, Divisible) or len(worker.job.step.ids) == 1
        return worker.since + self.time_limit_seconds * (1 if alone else 2)

    def _listen(self, worker: _Worker, waiting: deque[Any], strikes: Counter[Row]) -> Iterator[Any]:
        if worker.pipe.poll():
            try:
                kind, content = worker.pipe.recv()
            except (EOFError, OSError):
                worker.process.join()
                reason = _cause_of_death(cast(int, worker.process.exitcode))
                if worker.since == inf:
                    raise UserError(_never_began(reason)) from None
            else:
                yield from self._told(worker, kind, content, strikes)
                return
        else:
            reason = f"took more than {self.time_limit_seconds:g} s"
        worker.end()
        yield from _after_loss(worker, reason, waiting, strikes)

    @staticmethod
    def _told(worker: _Worker, kind: str, content: object, strikes: Counter[Row]) -> Iterator[Any]:
        worker.since = monotonic()
        if isinstance(content, Exception):
            raise content
        if kind == "end":
            worker.job = None
        elif kind == "outcome":
            if isinstance(worker.job, Divisible):
                worker.told.append(str(getattr(content, "id", "")))
                strikes[worker.job.step.row] = 0
            yield content


def local_engine(workers: int, time_limit_seconds: float = 0.0, cards: tuple[str, ...] = ()) -> Engine:
    """This process, or watched ones where there are to be several, cards, or a hanging model is to be ended."""
    if workers > 1 or time_limit_seconds or cards:
        return WatchedProcesses(workers, time_limit_seconds, cards)
    return SameProcess()


def _after_loss(worker: _Worker, reason: str, waiting: deque[Any], strikes: Counter[Row]) -> Iterator[Any]:
    job = worker.job
    given_up = divide_lost(job, worker.told, reason, waiting)
    yield from given_up
    if not given_up or not isinstance(job, Divisible):
        return
    row = job.step.row
    strikes[row] += 1
    if strikes[row] >= STRIKES:
        reason = f"not tried: {STRIKES} images before it each cost a process ({reason})"
        for other in [other for other in waiting if other.step.row == row]:
            waiting.remove(other)
            yield from (other.lost(id, reason) for id in other.step.ids)


def _never_began(reason: str) -> str:
    return (
        f"a worker process could not begin: {reason}. A script that uses workers has to be a file, and to start its "
        "work under if __name__ == '__main__': since every worker reads the script first"
    )


def _cause_of_death(exitcode: int) -> str:
    if exitcode >= 0:
        return f"its process ended with status {exitcode}"
    name = signal.Signals(-exitcode).name
    guess = "; out of memory?" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{guess}"


def _start(card: str | None, threads: int, niceness: int) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, card is not None, niceness), daemon=False)
    with _environment_kept():
        limit_threads(threads)  # before the new process imports anything
        if card:
            os.environ["CUDA_VISIBLE_DEVICES"] = card
        process.start()
    theirs.close()  # now the pipe ends when the process does
    return _Worker(process, ours, card)


@contextmanager
def _environment_kept() -> Iterator[None]:
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _serve(pipe: Connection, has_card: bool, niceness: int) -> None:
    """Work in a process of its own until the pipe or the parent ends."""
    os.setsid()  # Ctrl-C is the parent's to handle, and what a job starts ends with it
    os.nice(niceness)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    pipe.send(("ready", None))
    if has_card:
        with suppress(ImportError):  # takes seconds, in which others draw rain
            import torch  # noqa: F401
    last: object = None
    while True:
        try:
            work, job = pipe.recv()
        except EOFError:
            return
        if work != last:
            forget()  # what an earlier stage opened may have changed on disk
            last = work
        try:
            for outcome in work(job):
                pipe.send(("outcome", outcome))
        except Exception as error:
            pipe.send(("error", _portable(error)))
            return
        pipe.send(("end", None))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.killpg(0, signal.SIGKILL)


def _portable(error: Exception) -> Exception:
    """The error, if it survives the way home; else its text."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  (our own error, pickled a moment ago)
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
