"""Run jobs in local processes that are watched: one that hangs or dies costs the image in its hands, nothing more."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from time import monotonic
from typing import Any, TypeVar, cast

from bench.devices import usable_cores
from bench.errors import UserError
from bench.runner.engines import Divisible, Engine, SameProcess, divide_lost, limit_threads
from bench.runs.rows import Row

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")

STRIKES = 3
"""So many images in a row may cost a process each; then the rest of their row is given up."""


@dataclass
class _Worker:
    """A worker process and its current job.

    Attributes:
        process: The spawned process.
        pipe: Jobs go in; ``ready`` at the start, outcomes, errors, and ``end`` after each job come out.
        job: What it works on; None while it waits.
        told: Ids of the job's images whose outcomes have come.
        since: When it last gave a sign of life, in seconds of the monotonic clock; infinite until it is ready.
    """

    process: SpawnProcess
    pipe: Connection
    job: object = None
    told: list[str] = field(default_factory=list)
    since: float = inf

    def give(self, job: object) -> None:
        self.job, self.told = job, []
        self.since = monotonic() if self.since < inf else inf
        with suppress(OSError):  # it died while it waited; reading the pipe will tell
            self.pipe.send(job)

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
        workers: How many processes.
        time_limit_seconds: Longest that an image may take, the first of a model with its loading; 0 for no limit.
    """

    workers: int
    time_limit_seconds: float = 0.0

    def run(self, work: Callable[[Job], Iterator[Outcome]], jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Run the jobs; outcomes arrive as images end."""
        waiting: deque[Any] = deque(jobs)
        strikes: Counter[Row] = Counter()
        crew: list[_Worker] = []
        try:
            while waiting or any(worker.job is not None for worker in crew):
                self._employ(crew, waiting, work)
                for worker in self._heard(crew):
                    yield from self._listen(worker, waiting, strikes)
                crew[:] = [worker for worker in crew if not worker.pipe.closed]
        finally:
            for worker in crew:
                worker.end()

    def _employ(self, crew: list[_Worker], waiting: deque[Any], work: object) -> None:
        """Give every idle worker a job; start workers while there are jobs for them."""
        idle = [worker for worker in crew if worker.job is None]
        while waiting and (idle or len(crew) < self.workers):
            if not idle:
                idle.append(_start(work, max(1, usable_cores() // self.workers)))
                crew.append(idle[-1])
            idle.pop().give(waiting.popleft())

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


def local_engine(workers: int, time_limit_seconds: float = 0.0) -> Engine:
    """This process, or watched ones where there are to be several or a hanging model is to be ended."""
    return WatchedProcesses(workers, time_limit_seconds) if workers > 1 or time_limit_seconds else SameProcess()


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


def _start(work: object, threads: int) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, threads), daemon=False)
    with _environment_kept():
        limit_threads(threads)  # before the new process imports anything
        process.start()
    theirs.close()  # now the pipe ends when the process does
    ours.send(work)
    return _Worker(process, ours)


@contextmanager
def _environment_kept() -> Iterator[None]:
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _serve(pipe: Connection, threads: int) -> None:
    """Work in a process of its own until the pipe or the parent ends."""
    os.setsid()  # Ctrl-C is the parent's to handle, and what a job starts ends with it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    work = pipe.recv()
    pipe.send(("ready", None))
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
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
