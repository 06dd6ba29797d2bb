"""Measure what a derainer costs: latency, throughput, memory, parameters, operations.

Every figure is of one derainer on images of one size, in a process of its own. An image goes in and comes out as
uint8 in the computer's memory, so latency has conversions and copies to and from a GPU in it, but neither files
nor their coding; the result is in the computer's memory when the clock stops, so a GPU has finished.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from time import perf_counter
from typing import cast

import numpy as np

from bench.contract import Image, Options, Sample, Truth
from bench.devices import usable_cores
from bench.errors import UserError, reason_of
from bench.perf.memory import open_memory_meter
from bench.protocols import BatchDerainer, Derainer, Judge, Task
from bench.registry import Entry
from bench.runner.engines import limit_threads
from bench.runner.loaders import DerainerLoader
from bench.runs.provenance import hardware
from derainers.facts import count, facts_table


@dataclass(frozen=True)
class Effort:
    """Number of calls for one measurement.

    Attributes:
        warm_up: Calls before the clock starts.
        repeats: Calls that are timed.
        batch: Images a call when throughput is measured, where the derainer can bear more than one.
    """

    warm_up: int = 2
    repeats: int = 10
    batch: int = 1


@dataclass(frozen=True)
class CostJob:
    """One measurement: a derainer on one image, alone or with a task's model after it.

    The image comes from outside, since drawing it would need more memory than some derainers.
    """

    entry: Entry
    options: Options
    image: Image
    effort: Effort
    task: Task | None = None


@dataclass(frozen=True)
class Cost:
    """One row of ``cost.csv``; what is not known is None, and an empty cell.

    Attributes:
        derainer: The row's name.
        task: Task whose model looks at the restored image within the time; empty for the derainer alone.
        model: Short name of that model.
        height: Height of the image in pixels.
        width: Width of the image in pixels.
        latency_ms: Median time of one image in milliseconds.
        latency_p95_ms: 95th percentile of that time.
        repeats: Images that were timed.
        images_per_second: Throughput in batches of ``batch``.
        batch: Images a call when throughput was measured.
        peak_memory_mb: 10^6 bytes: of a GPU's allocator, weights included; on a CPU the resident memory of the
            whole process, with Python and libraries.
        added_memory_mb: ``peak_memory_mb`` above what was held before the derainer was built, its libraries being
            loaded.
        parameters: Parameters of the network; of MSPFN with those that multiply zeros.
        gflop: 10^9 operations an image, two a multiply-add, of convolutions and matrix products.
        precision: ``fp32``, ``tf32``, ``bf16`` or ``fp16``, of the network.
        compiled: True if the network was compiled; that takes place in the warm-up.
        device: ``cpu``, ``cuda``, ...
        hardware: Name of the processor or GPU.
        threads: CPU threads of the process.
        failure: Reason why there are no figures; else empty.
    """

    derainer: str
    task: str
    model: str
    height: int
    width: int
    latency_ms: float | None = None
    latency_p95_ms: float | None = None
    repeats: int = 0
    images_per_second: float | None = None
    batch: int = 1
    peak_memory_mb: float | None = None
    added_memory_mb: float | None = None
    parameters: int | None = None
    gflop: float | None = None
    precision: str = "fp32"
    compiled: bool = False
    device: str = "cpu"
    hardware: str = ""
    threads: int = 0
    failure: str = ""


def measure_costs(jobs: Iterable[CostJob]) -> Iterator[Cost]:
    """Measure one job after the other, each in a fresh process: memory is its own, and a crash ends it alone."""
    for job in jobs:
        # Numerical libraries read these when they are imported, which a child does after its parent has set them.
        if job.options.threads:
            limit_threads(job.options.threads)
        yield _measured_apart(job)


def _measured_apart(job: CostJob) -> Cost:
    """Measure in a process of its own, which is killed once it has answered: a plug-in may have left threads."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_measure_into, args=(theirs, job))
    process.start()
    theirs.close()  # now the pipe ends when the process does
    try:
        answer = ours.recv()
    except EOFError:
        return replace(_blank(job), failure="its process was ended, as by the system when memory is full")
    finally:
        with suppress(ProcessLookupError):  # with all that a plug-in started
            os.killpg(cast(int, process.pid), signal.SIGKILL)
        process.kill()
        process.join()
    if isinstance(answer, UserError):
        raise answer
    return cast(Cost, answer)


def _measure_into(pipe: Connection, job: CostJob) -> None:
    os.setsid()  # what a plug-in starts is of this group, and is ended with it
    try:
        pipe.send(measure(job))
    except UserError as error:
        pipe.send(error)


def measure(job: CostJob) -> Cost:
    """Measure one job in this process; what the derainer raises is the row's failure.

    Raises:
        UserError: Something the user has to mend.
    """
    try:
        return _measure(job)
    except UserError:
        raise
    except Exception as error:  # a derainer may be anybody's
        return replace(_blank(job), failure=" ".join(reason_of(error).split()))


def _measure(job: CostJob) -> Cost:
    job.entry.load()  # with its libraries, which are not the derainer's memory
    meter = open_memory_meter(job.options.device)
    before = meter.now()
    derainer = DerainerLoader(job.entry, job.options)()
    judge = job.task.judge(job.options) if job.task else None
    image = job.image
    seconds = _latencies(derainer, judge, image, job.effort)
    batch, rate = (1, 1 / float(np.mean(seconds))) if judge else _throughput(derainer, image, job.effort, seconds)
    peak = meter.peak()
    parameters, operations = _size(job, derainer, image)
    return replace(
        _blank(job),
        latency_ms=1e3 * float(np.median(seconds)),
        latency_p95_ms=1e3 * float(np.percentile(seconds, 95)),
        repeats=len(seconds),
        images_per_second=rate,
        batch=batch,
        peak_memory_mb=peak / 1e6,
        added_memory_mb=(peak - before) / 1e6,
        parameters=parameters,
        gflop=operations / 1e9 if operations else None,
        threads=_threads(job.options),
    )


def _latencies(derainer: Derainer, judge: Judge | None, image: Image, effort: Effort) -> list[float]:
    """Restore and judge an image several times; return the seconds of each call after the warm-up."""
    sample = Sample("cost", image, None, Truth(image.shape[:2]))
    seconds = []
    for _ in range(effort.warm_up + effort.repeats):
        rainy = image.copy()  # a derainer may spoil it
        started = perf_counter()
        restored = derainer(rainy)
        if judge:
            judge([restored], [sample])
        seconds.append(perf_counter() - started)
    return seconds[effort.warm_up :]


def _throughput(derainer: Derainer, image: Image, effort: Effort, seconds: Sequence[float]) -> tuple[int, float]:
    """Restore batches; return images a call and images a second. Without batches, take the latencies' seconds."""
    if effort.batch == 1 or not (isinstance(derainer, BatchDerainer) and derainer.traits.batchable):
        return 1, len(seconds) / sum(seconds)
    calls = -(-effort.repeats // effort.batch)
    derainer.restore_batch([image] * effort.batch)
    started = perf_counter()
    for _ in range(calls):
        derainer.restore_batch([image] * effort.batch)
    return effort.batch, calls * effort.batch / (perf_counter() - started)


def _size(job: CostJob, derainer: Derainer, image: Image) -> tuple[int | None, int | None]:
    """Count parameters and operations: without computing where the network is ours, else while it computes."""
    name = job.entry.name
    if job.entry.is_built_in:
        return count(name, *image.shape[:2]) if name in facts_table() else (None, None)
    network = getattr(derainer, "network", None)
    if "torch" not in sys.modules or network is None:
        return None, None
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        derainer(image.copy())
    return sum(parameter.numel() for parameter in network.parameters()), int(counter.get_total_flops())


def _blank(job: CostJob) -> Cost:
    """Fill in what is known of a job before it is measured."""
    options = job.options
    return Cost(
        derainer=job.entry.name,
        task=job.task.name if job.task else "",
        model=job.task.model if job.task else "",
        height=job.image.shape[0],
        width=job.image.shape[1],
        precision=options.precision,
        compiled=options.compile,
        device=options.device,
        hardware=hardware(options.device),
        threads=options.threads,
    )


def _threads(options: Options) -> int:
    """Count the CPU threads that the libraries of this process compute with."""
    if "torch" in sys.modules:
        import torch

        return torch.get_num_threads()
    return options.threads or usable_cores()
