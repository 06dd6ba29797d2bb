"""How fast road scenes are drawn, on one core."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from synth.streets.source import draw

SIZES = ((192, 320),)


@dataclass(frozen=True)
class Speed:
    """How fast scenes of one size are drawn.

    Attributes:
        what: What was timed.
        height: Pixels.
        width: Pixels.
        seconds: Processor time of one scene, the median of the turns: what others do on the machine hardly counts.
        scenes_per_second: Its inverse.
    """

    what: str
    height: int
    width: int
    seconds: float
    scenes_per_second: float


def scene_speeds(sizes: Sequence[tuple[int, int]] = SIZES, count: int = 40, turns: int = 5) -> tuple[Speed, ...]:
    """Draw the first scenes of the default split with their truth, in turns.

    Args:
        sizes: (height, width) of the scenes.
        count: Scenes a turn; by day, at dusk and by night, crowded and empty ones take unequal time.
        turns: Turns of which the median is taken.
    """
    speeds = []
    for height, width in sizes:
        _seconds(1, (height, width))  # models and noise are made once
        seconds = float(np.median([_seconds(count, (height, width)) for _ in range(turns)]))
        speeds.append(Speed("streets", height, width, seconds, 1 / seconds))
    return tuple(speeds)


def _seconds(count: int, size: tuple[int, int]) -> float:
    start = time.process_time()
    for number in range(count):
        draw(str(number), (0, 1, number), size)
    return (time.process_time() - start) / count


def streets_speeds() -> pd.DataFrame:
    """How fast road scenes are drawn; one row a size."""
    return pd.DataFrame([asdict(speed) for speed in scene_speeds()])
