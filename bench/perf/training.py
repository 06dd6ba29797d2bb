"""Measure how well loaders feed a training: the share of its time that is spent in its steps."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median

import pandas as pd

from bench.devices import usable_cores
from bench.io.images import write_png
from bench.io.training.loaders import batches_ahead
from bench.perf.drawn_evidence import draw_picture
from bench.perf.timing import seconds_of
from bench.training.derainers import Material, load_training, open_stream
from derainers.training.crops import CropBatches
from derainers.training.settings import DerainerSettings

STEP_SECONDS = 0.05
"""A step of the stand-in: it sleeps as long as a network would compute on a GPU."""
_PICTURES, _SIZE = 12, (320, 480)


@dataclass(frozen=True)
class TrainingFeed:
    """How well some loaders feed a training.

    Attributes:
        training: Name of the training whose batches are made, of drawn pictures of 480x320.
        loaders: Processes that make batches; 0 makes them between the steps.
        batch_seconds: Processor time of one batch.
        step_seconds: Time of one step of the stand-in.
        seconds_to_start: Until every loader has made its first batch.
        steps_per_second: After that.
        busy: Share of that time in the steps.
    """

    training: str
    loaders: int
    batch_seconds: float
    step_seconds: float
    seconds_to_start: float
    steps_per_second: float
    busy: float


def training_feeds(
    loaders: Sequence[int] | None = None, training: str = "mspfn-light", steps: int = 60
) -> pd.DataFrame:
    """Time a training whose steps sleep, by its number of loaders; return one row each.

    Args:
        loaders: Numbers of loaders; 0, 1, 2 and one less than there are cores, if not given.
        training: Name of a built-in training on photographs.
        steps: Number of timed steps.
    """
    numbers = sorted({0, 1, 2, usable_cores() - 1}) if loaders is None else loaders
    settings = load_training(training)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(_PICTURES):
            write_png(Path(folder) / f"{number}.png", draw_picture(*_SIZE, number))
        feeds = []
        for number in numbers:
            stream = open_stream(settings, Material([Path(folder)]), number)
            feeds.append(_feed(training, CropBatches(stream, DerainerSettings.of(settings)), number, steps))
    return pd.DataFrame([asdict(feed) for feed in feeds])


def _feed(training: str, make: CropBatches, loaders: int, steps: int) -> TrainingFeed:
    batch = median(seconds_of(partial(make, step), time.process_time) for step in range(5))
    began = time.perf_counter()
    firsts = max(1, loaders)  # one loader begins later than another
    with batches_ahead(make, range(firsts + steps), loaders) as batches:
        for _ in range(firsts):
            next(batches)
        started = time.perf_counter()
        # Not to their end, at which the loaders are ended: that would be part of the time.
        inside = sum(seconds_of(partial(time.sleep, STEP_SECONDS)) for _ in islice(batches, steps))
        spent = time.perf_counter() - started
    return TrainingFeed(training, loaders, batch, STEP_SECONDS, started - began, steps / spent, inside / spent)
