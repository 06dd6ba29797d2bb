"""Judge a network while it is trained, and keep the weights with which a task sees best."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from torch import nn

from bench.contract import Image

Restore: TypeAlias = Callable[[Image], Image]
"""Restores one image (H, W, 3) with the weights of the moment."""


@dataclass(frozen=True)
class Watch:
    """What judges the network at every checkpoint, and the weights that it judged best.

    Attributes:
        metric: Name of the score and of its column in the log; more is better.
        score: Judges images that it restores with the given function; NaN where there is no score.
        best: A network like the one in training, which has the best weights so far.
    """

    metric: str
    score: Callable[[Restore], float]
    best: nn.Module

    def best_row(self, log: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
        """Find the log's row with the highest score, of equal ones the first."""
        return max(log, key=lambda row: -math.inf if math.isnan(row[self.metric]) else row[self.metric])

    def keep_best(self, network: nn.Module, log: Sequence[Mapping[str, float]]) -> None:
        """Copy the weights of a network whose row is the log's last, if no earlier one has so high a score."""
        if self.best_row(log) is log[-1]:
            self.best.load_state_dict(network.state_dict())
