"""Draw a road at random: where it runs, how wide it is, what is painted on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from synth.streets.dice import Dice

Number = TypeVar("Number", float, npt.NDArray[np.float32], npt.NDArray[np.float64])

CURVED_UNTIL_METRES = 140.0


@dataclass(frozen=True)
class Road:
    """A road of parallel lanes, perhaps crossed by another. Lateral places are metres right of the driver's path.

    Attributes:
        slope: How far the road runs to the right per metre ahead, at the camera.
        bend: Curvature in 1/m, positive to the right.
        lanes: Lateral places of the lines between lanes, from the left kerb to the right one.
        divide: Index in ``lanes`` of the line between the two directions; 0 in a one-way road.
        parking: Width of the parking strips beyond the left and the right kerb lane; 0 for none.
        pavement: Width of the left and the right pavement.
        junction: Distance and half width of a crossing road, or None.
        zebra: Distance of a pedestrian crossing's near edge, or None.
    """

    slope: float
    bend: float
    lanes: tuple[float, ...]
    divide: int
    parking: tuple[float, float]
    pavement: tuple[float, float]
    junction: tuple[float, float] | None
    zebra: float | None

    @property
    def kerbs(self) -> tuple[float, float]:
        """Lateral places of the left and the right kerb."""
        return self.lanes[0] - self.parking[0], self.lanes[-1] + self.parking[1]

    @property
    def plots(self) -> tuple[float, float]:
        """Lateral places where the pavements end and private ground begins."""
        left, right = self.kerbs
        return left - self.pavement[0], right + self.pavement[1]

    def path(self, z: Number) -> Number:
        """Return where the driver's path is at distance z: a parabola that goes on straight."""
        near = np.minimum(z, CURVED_UNTIL_METRES)
        return self.slope * z + self.bend * near * (z - near / 2)  # type: ignore[return-value, no-any-return]

    def heading(self, z: float) -> tuple[float, float]:
        """Return the unit vector (x, z) along the road at distance z."""
        steep = self.slope + self.bend * min(z, CURVED_UNTIL_METRES)
        length = (1 + steep * steep) ** 0.5
        return steep / length, 1 / length

    def crossed_at(self, z: float, margin: float = 0.0) -> bool:
        """Return True if distance z lies in the crossing road."""
        return self.junction is not None and abs(z - self.junction[0]) < self.junction[1] + margin


def throw_road(dice: Dice) -> Road:
    """Draw a random road; traffic keeps to the right."""
    lane = dice.between(3.0, 3.5)
    ours = dice.pick((1, 1, 1, 2, 2))
    one_way = dice.happens(0.2)
    theirs = 0 if one_way else dice.pick((ours, ours, 1))
    mine = dice.below(ours)
    right = lane * (ours - mine - 0.5)
    lanes = tuple(right - lane * i for i in range(ours + theirs, -1, -1))
    drift = dice.between(-0.35, 0.35)
    parks = [2.2 if dice.happens(0.55) else 0.0 for _ in range(2)]
    junction = (dice.between(16, 60), dice.between(3.6, 7.0)) if dice.happens(0.55) else None
    zebra = None
    if junction is not None and dice.happens(0.7):
        zebra = junction[0] - junction[1] - dice.between(4.5, 6.0)
    elif dice.happens(0.3):
        zebra = dice.between(9, 35)
    curve = dice.between(-1, 1)
    return Road(
        slope=dice.between(-0.05, 0.05),
        bend=0.0 if dice.happens(0.35) else curve * abs(curve) * 0.006,
        lanes=tuple(place + drift for place in lanes),
        divide=theirs,
        parking=(parks[0], parks[1]),
        pavement=(dice.between(1.8, 4.5), dice.between(1.8, 4.5)),
        junction=junction,
        zebra=zebra,
    )
