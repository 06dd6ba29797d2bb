"""Time two ways to the same result in turns; give the median of both times and of their ratio."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Comparison:
    """Times of two ways to one result on images of one size.

    Attributes:
        what: Name of our way and of the reference.
        height: Height of the images in pixels.
        width: Width of the images in pixels.
        seconds: Our way, the median of the turns.
        reference_seconds: The reference, the median of the turns.
        ratio: Reference to ours (above 1: ours is faster), the median of the ratios of the turns.
    """

    what: str
    height: int
    width: int
    seconds: float
    reference_seconds: float
    ratio: float


def seconds_of(call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Time one call in seconds of a clock: by default on the wall, with ``time.process_time`` of this process."""
    start = clock()
    call()
    return clock() - start


def in_turns(ours: Callable[[], object], reference: Callable[[], object], turns: int) -> tuple[float, float, float]:
    """Time two calls in turns; return median seconds of ours and of the reference, and their median ratio.

    In turns, because other programs use the machine as well. One turn before the first is not counted: it warms up.
    """
    pairs = [(seconds_of(ours), seconds_of(reference)) for _ in range(turns + 1)]
    return medians(pairs[1:])


def medians(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Reduce (our seconds, reference seconds) of every turn to the median of each and of reference to ours.

    The ratio is taken within each turn, where both ways met the same machine.
    """
    ours, reference = (median(column) for column in zip(*pairs, strict=True))
    return ours, reference, median(theirs / mine for mine, theirs in pairs)
