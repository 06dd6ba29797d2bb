"""Collect the geometry of a scene, and keep books while it is put together."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bench.contract import FloatArray
from synth.streets.classes import Category
from synth.streets.dice import Dice
from synth.streets.houses import Facade
from synth.streets.road import Road
from synth.streets.solids import Colour, Faces, Mesh

TIMES = ("day", "dusk", "night")
Place = tuple[float, float]
_NEXT = [1, 2, 3, 0]
"""Of four corners in a ring, the one after each."""


@dataclass(frozen=True)
class Lamp:
    """A light that shines on its surroundings: where (x, y, z), how far (metres), and its colour."""

    place: tuple[float, float, float]
    reach: float
    colour: Colour


@dataclass(frozen=True)
class Layout:
    """A scene as geometry.

    Attributes:
        time: One of TIMES.
        road: The road.
        faces: Everything that stands on the ground.
        categories: Class of instance 1, 2, ...
        facades: Styles of walls with windows.
        lamps: Lit lamps.
        shadows: (S, 4, 3) patches of ground darkened by what stands there.
        sun: Where the shadow of a point one metre up falls, (x, z) in metres.
    """

    time: str
    road: Road
    faces: Faces
    categories: tuple[Category, ...]
    facades: tuple[Facade, ...]
    lamps: tuple[Lamp, ...]
    shadows: FloatArray
    sun: Place


@dataclass
class Stage:
    """A scene in the making.

    Attributes:
        houses: Edges (4, 5, 4) of the five parts of each house's shadow: where they begin (x, z) and where they lead.
    """

    dice: Dice
    time: str
    road: Road
    sun: tuple[float, float]
    mesh: Mesh = field(default_factory=Mesh)
    categories: list[Category] = field(default_factory=list)
    facades: list[Facade] = field(default_factory=list)
    lamps: list[Lamp] = field(default_factory=list)
    shadows: list[FloatArray] = field(default_factory=list)
    houses: list[FloatArray] = field(default_factory=list)
    taken: list[tuple[float, float, float]] = field(default_factory=list)

    @property
    def dark(self) -> bool:
        """True where lights are on."""
        return self.time != "day"

    def count(self, category: Category) -> int:
        """Open a new instance and return its number."""
        self.categories.append(category)
        return len(self.categories)

    def free(self, x: float, z: float, radius: float) -> bool:
        """Claim a place; return False if something stands there already."""
        for other_x, other_z, other in self.taken:
            if (x - other_x) ** 2 + (z - other_z) ** 2 < (radius + other) ** 2:
                return False
        self.taken.append((x, z, radius))
        return True

    def shade(self, x: float, z: float, turn: Place, half: Place, height: float) -> None:
        """Darken the ground below a box of half width and half length, and where the sun casts its shadow."""
        right, ahead = turn
        base = []
        for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
            across, along = i * half[0], j * half[1]
            base.append((x + across * ahead + along * right, 0.0, z - across * right + along * ahead))
        feet = np.array(base)
        self.shadows.append(feet[None])
        if self.time != "night":
            self.shadows.append(self.cast(feet, height))

    def shade_house(self, feet: FloatArray, height: float) -> None:
        """Cast the shadow of a house; things put there later stand in it."""
        if self.time != "night":
            shadow = self.cast(feet, height)
            shadow[..., 2] = np.maximum(shadow[..., 2], 1.0)
            self.shadows.append(shadow)
            x, z = shadow[..., 0], shadow[..., 2]
            self.houses.append(np.stack([x, z, x[:, _NEXT] - x, z[:, _NEXT] - z]))

    def cast(self, feet: FloatArray, height: float) -> FloatArray:
        """Compute the shadow (5, 4, 3) on the ground of an upright block over four feet (4, 3)."""
        top = np.add(feet, (self.sun[0] * height, 0.0, self.sun[1] * height))
        shadow = np.empty((5, 4, 3))
        shadow[:4, 0], shadow[:4, 1], shadow[:4, 2], shadow[:4, 3] = feet, feet[_NEXT], top[_NEXT], top
        shadow[4] = top
        return shadow

    def sunlit(self, x: float, z: float) -> bool:
        """Return True if a place is out of the shadow of every house."""
        if not self.houses:
            return True
        from_x, from_z, ahead_x, ahead_z = np.concatenate(self.houses, axis=1)
        turn = ahead_x * (z - from_z) - ahead_z * (x - from_x)
        return not ((turn >= 0).all(axis=1) | (turn <= 0).all(axis=1)).any()
