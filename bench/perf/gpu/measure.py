"""Measure what a run and a training make of a GPU, within a given time; what was measured is kept if it is stopped.

Every part is measured in a process of its own, which is ended when its share of the time is over.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from multiprocessing.connection import Connection
from time import monotonic
from typing import TypeAlias, cast

import pandas as pd

from bench.errors import reason_of
from bench.perf.gpu.figure import GpuFigure, GpuScale
from bench.perf.gpu.networks import batches, compiled_networks, differences, limits, networks
from bench.perf.gpu.runs import busy_run, training_steps
from bench.runs.provenance import accelerator, hardware

_SHARES = ("arithmetic_share", "memory_share")
"""Columns that :func:`with_shares` adds."""

Part: TypeAlias = Callable[[str, GpuScale], Iterator[GpuFigure]]


@dataclass(frozen=True)
class TimedPart:
    """A part of the measurement and its claim on the time.

    Attributes:
        name: Name of its figures' column ``part``.
        measure: Yields figures, given the device and the scale.
        weight: Its share of the time that is left, beside the weights of the parts after it.
    """

    name: str
    measure: Part
    weight: float


PARTS = (
    TimedPart("limits", limits, 1),
    TimedPart("networks", networks, 4),
    TimedPart("run", busy_run, 4),
    TimedPart("batches", batches, 2),
    TimedPart("differences", differences, 2),
    TimedPart("training", training_steps, 3),
    TimedPart("compiled", compiled_networks, 4),
)


def measure_gpu(
    device: str, seconds: float, scale: GpuScale, parts: Sequence[TimedPart] = PARTS
) -> Iterator[pd.DataFrame]:
    """Measure part after part; yield the table of all figures so far whenever there is a new one.

    Args:
        device: ``cuda``, ``cuda:1``, or ``cpu`` for trying the command.
        seconds: Time for everything; a part that has used up its share is ended and its last figures are kept.
        scale: Sizes of what is measured.
        parts: What is measured, in order.
    """
    end = monotonic() + seconds
    found: list[GpuFigure] = []
    facts = {"device": device, "hardware": hardware(device), **accelerator(device)}
    for number, part in enumerate(parts):
        left = end - monotonic()
        share = left * part.weight / sum(other.weight for other in parts[number:])
        for figure in _measured(part, device, scale, monotonic() + share):
            found.append(replace(figure, part=part.name))
            yield with_shares(found).assign(**facts)


def with_shares(found: Sequence[GpuFigure]) -> pd.DataFrame:
    """Make a table of figures; tell for each network how much of its time the device's limits would take.

    Returns:
        One row a figure. ``arithmetic_share`` is 10^9 operations over the speed of a large matrix product of that
        precision, over the time; ``memory_share`` likewise of the bytes that its layers read and write one after the
        other, over the speed of a copy. Both are empty where a limit was not measured.
    """
    speed = {(each.what, each.precision): each.value for each in found if each.part == "limits" and each.value}
    copying = speed.get(("copy", ""))
    rows = []
    for each in found:
        product = speed.get(("matrix product", each.precision.removesuffix(" weights")))
        row = asdict(each)
        row["arithmetic_share"] = _share(each.gflop, product and 1e3 * product, each)
        row["memory_share"] = _share(each.gigabytes, copying, each)
        rows.append(row)
    columns = [field.name for field in fields(GpuFigure)]
    return pd.DataFrame(rows, columns=[*columns, *_SHARES])


def figure_line(frame: pd.DataFrame) -> str:
    """Put the last row of a table of figures into one line."""
    last = frame.astype(object).where(frame.notna(), None).iloc[-1]
    value = "" if last["value"] is None else f"{last['value']:.4g} {last['unit']}"
    shares = [f"{100 * last[name]:.3g} % of {name.partition('_')[0]}" for name in _SHARES if last[name] is not None]
    compiled = "compiled" if last["compiled"] else ""
    named = (
        last["part"],
        last["what"],
        last["how"],
        last["precision"],
        compiled,
        value,
        ", ".join(shares),
        last["note"],
    )
    return " ".join(filter(None, named))


def _share(work: float | None, a_second: float | None, figure: GpuFigure) -> float | None:
    """Divide the least time, of so much work at so much a second, by the milliseconds of a figure."""
    if not (work and a_second and figure.value and figure.unit == "ms"):
        return None
    return 1e3 * work / a_second / figure.value


def _measured(part: TimedPart, device: str, scale: GpuScale, until: float) -> Iterator[GpuFigure]:
    """Measure one part in a process of its own, until it ends or its time is over."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_send_figures, args=(theirs, part.measure, device, scale))
    process.start()
    theirs.close()  # now the pipe ends when the process does
    try:
        while ours.poll(max(0.0, until - monotonic())):
            yield cast(GpuFigure, ours.recv())
        yield GpuFigure("", note="its time was over; give --minutes more")
    except EOFError:
        process.join()
        if process.exitcode:
            yield GpuFigure("", note=f"its process ended with status {process.exitcode}")
    finally:
        with suppress(ProcessLookupError):  # with all that it started
            os.killpg(cast(int, process.pid), signal.SIGKILL)
        process.kill()
        process.join()
        ours.close()


def _send_figures(pipe: Connection, measure: Part, device: str, scale: GpuScale) -> None:
    os.setsid()
    try:
        for figure in measure(device, scale):
            pipe.send(figure)
    except Exception as error:  # the other parts go on
        pipe.send(GpuFigure("", note=" ".join(reason_of(error).split())))
