"""Measure the speed of drawing road scenes on one core."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median

import pandas as pd

from bench.perf.timing import seconds_of
from synth.streets.source import draw

SIZES = ((192, 320),)


@dataclass(frozen=True)
class SceneSpeed:
    """Speed of drawing scenes of one size.

    Attributes:
        what: Name of the source.
        height: Height of the scenes in pixels.
        width: Width of the scenes in pixels.
        seconds: Processor time of one scene, the median of the turns: what others do on the machine hardly counts.
        scenes_per_second: Inverse of ``seconds``.
    """

    what: str
    height: int
    width: int
    seconds: float
    scenes_per_second: float


def scene_speeds(sizes: Sequence[tuple[int, int]] = SIZES, count: int = 40, turns: int = 5) -> pd.DataFrame:
    """Time drawing the first scenes of the default split with their truth; return one row a size.

    Args:
        sizes: (height, width) of the scenes.
        count: Scenes a turn; by day, at dusk and by night, crowded and empty ones take unequal time.
        turns: Turns of which the median is taken.
    """
    speeds = []
    for size in sizes:
        _draw(1, size)  # models and noise are made once
        each = [seconds_of(partial(_draw, count, size), time.process_time) / count for _ in range(turns)]
        seconds = median(each)
        speeds.append(SceneSpeed("streets", *size, seconds, 1 / seconds))
    return pd.DataFrame([asdict(speed) for speed in speeds])


def _draw(count: int, size: tuple[int, int]) -> None:
    for number in range(count):
        draw(str(number), (0, 1, number), size)
