"""Time two ways to the same result in turns and give medians and their ratio."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Comparison:
    """Two ways to one result.

    Attributes:
        what: The two ways.
        height: Pixels.
        width: Pixels.
        seconds: Our way, the fastest of some repeats.
        reference_seconds: The other way, likewise.
        ratio: How many times as fast ours is, the median of the repeats.
    """

    what: str
    height: int
    width: int
    seconds: float
    reference_seconds: float
    ratio: float


def in_turns(ours: Callable[[], object], other: Callable[[], object], repeats: int) -> tuple[float, float, float]:
    """Fastest seconds of both, and how many times as fast ours is: the median over the turns.

    They are taken in turns, and each ratio within one, since others use the machine as well. The first turn warms up.
    """
    turns = [(_seconds(ours), _seconds(other)) for _ in range(repeats + 1)][1:]
    mine, theirs = (min(column) for column in zip(*turns, strict=True))
    return mine, theirs, median(second / first for first, second in turns)


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
