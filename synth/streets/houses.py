"""Build houses, walls and fences along a road, and the skyline behind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from bench.contract import FloatArray
from synth.streets.classes import Label
from synth.streets.dice import Dice, Floats
from synth.streets.road import Road
from synth.streets.solids import MOST_CORNERS, Colour, Mesh, Point
from synth.streets.street_models import LEAVES

PLAIN, FOLIAGE, FIRST_FACADE = 0, 1, 2
"""Surfaces of faces: painted flat, mottled like leaves, or a facade (FIRST_FACADE + its number)."""

_WALLS: tuple[Colour, ...] = (
    (0.62, 0.55, 0.45),
    (0.52, 0.33, 0.26),
    (0.70, 0.67, 0.61),
    (0.46, 0.44, 0.42),
    (0.66, 0.52, 0.36),
    (0.44, 0.27, 0.22),
    (0.56, 0.58, 0.58),
    (0.72, 0.62, 0.50),
    (0.38, 0.42, 0.47),
    (0.64, 0.45, 0.40),
)
_ROOFS: tuple[Colour, ...] = ((0.36, 0.17, 0.13), (0.24, 0.22, 0.22), (0.30, 0.24, 0.20))
_SHOPS: tuple[Colour, ...] = (
    (0.52, 0.13, 0.12),
    (0.12, 0.26, 0.42),
    (0.14, 0.32, 0.22),
    (0.70, 0.58, 0.22),
    (0.16, 0.16, 0.17),
)


@dataclass(frozen=True)
class Facade:
    """Looks of a wall with windows; lengths in metres, along the wall and up.

    Attributes:
        origin, along: Start of the wall and its direction, as (x, z).
        floor, bay: Height of a storey and width of a window axis.
        window: Left, right, lower and upper edge of the window in its bay, as parts.
        shop: Height of the shop floor; 0 for none.
        sign: Colour of the shop's fascia.
        trim: Brightness of window frames and cornices relative to the wall.
        brick: Strength of the brickwork.
        top: Height of the wall.
        seed: Which windows are lit, and the stains.
    """

    origin: tuple[float, float]
    along: tuple[float, float]
    floor: float
    bay: float
    window: tuple[float, float, float, float]
    shop: float
    sign: Colour
    trim: float
    brick: float
    top: float
    seed: int

    def row(self) -> list[float]:
        """Return all numbers, for a table."""
        return [*self.origin, *self.along, self.floor, self.bay, *self.window, self.shop, self.trim, self.brick,
                self.top, float(self.seed), *self.sign]  # fmt: skip


@dataclass(frozen=True)
class Plot:
    """A piece of ground along the road: from ``near`` to ``far``, on one side (-1 left, 1 right)."""

    side: int
    near: float
    far: float
    setback: float


def _polygon(*corners: Point) -> FloatArray:
    padded: FloatArray = np.array([*corners, *[corners[-1]] * (MOST_CORNERS - len(corners))], dtype=np.float64)[None]
    return padded


def _one(colour: Colour) -> Floats:
    return np.array([colour], dtype=np.float32)


def plots_along(road: Road, dice: Dice, side: int) -> list[Plot]:
    """Cut one side of the road into plots, from the camera to the distance; the crossing road stays free."""
    plots, z = [], 1.2
    while z < 115:
        width = dice.between(9, 20)
        far = z + width
        if road.junction is not None:
            start = road.junction[0] - road.junction[1] - 2.5
            stop = road.junction[0] + road.junction[1] + 2.5
            if z < start < far + 4:
                far = start
            elif start <= z < stop:
                z = stop
                continue
        setback = dice.between(0, 1) if dice.happens(0.6) else dice.between(2.5, 7)
        plots.append(Plot(side, z, far, setback))
        z = far + (dice.between(1.5, 5) if dice.happens(0.2) else 0.0)
    return plots


def _facade(
    dice: Dice, start: tuple[float, float], stop: tuple[float, float], top: float, style: Facade | None
) -> Facade:
    length = ((stop[0] - start[0]) ** 2 + (stop[1] - start[1]) ** 2) ** 0.5
    along = ((stop[0] - start[0]) / length, (stop[1] - start[1]) / length)
    if style is not None:
        return replace(style, origin=start, along=along, top=top, seed=style.seed + 1)
    wide = dice.happens(0.25)
    window = (
        (0.06, 0.94, 0.28, 0.88)
        if wide
        else (dice.between(0.2, 0.3), dice.between(0.7, 0.8), 0.25, dice.between(0.76, 0.88))
    )
    bay = dice.between(2.0, 3.2)
    return Facade(
        start,
        along,
        floor=dice.between(2.9, 3.5),
        bay=length / max(1, round(length / bay)),
        window=window,
        shop=dice.between(3.2, 3.9) if dice.happens(0.5) else 0.0,
        sign=dice.pick(_SHOPS),
        trim=dice.between(1.1, 1.45),
        brick=dice.between(0.3, 1.0) if dice.happens(0.5) else 0.1,
        top=top,
        seed=dice.below(4096) * 8,
    )


def add_house(
    mesh: Mesh, facades: list[Facade], road: Road, dice: Dice, plot: Plot, density: float
) -> tuple[FloatArray, float]:
    """Add a building on a plot: its street front, its near end, and a roof if it has a pitched one.

    Returns:
        Its four corners on the ground, (4, 3) in metres, and its height.
    """
    kerb = road.plots[0] if plot.side < 0 else road.plots[1]
    front = kerb + plot.side * plot.setback
    depth = dice.between(9, 14) * plot.side
    detached = plot.setback > 2.5 or dice.happens(0.2)
    storeys = 1 + dice.below(2) if detached and density < 0.5 else 2 + dice.below(2 + int(6 * density))
    wall = dice.pick(_WALLS)
    wall = (wall[0] * dice.between(0.85, 1.1), wall[1] * dice.between(0.9, 1.08), wall[2] * dice.between(0.85, 1.1))
    ends = [(road.path(z) + front, z) for z in (plot.near, plot.far)]
    rears = [(road.path(z) + front + depth, z) for z in (plot.near, plot.far)]
    style = _facade(dice, ends[0], ends[1], 0.0, None)
    top = (style.shop or style.floor) + style.floor * (storeys - 1) + dice.between(0.3, 0.9)
    for start, stop in ((ends[0], ends[1]), (rears[0], ends[0])):
        facade = _facade(dice, start, stop, top, style)
        corners = _polygon(
            (start[0], 0, start[1]), (stop[0], 0, stop[1]), (stop[0], top, stop[1]), (start[0], top, start[1])
        )
        mesh.add(corners, _one(wall), label=Label.BUILDING, surface=FIRST_FACADE + len(facades))
        facades.append(facade)
    if storeys <= 4 and dice.happens(0.65):
        _add_roof(mesh, dice, ends, rears, top)
    return np.array([_raised(place, 0.0) for place in (ends[0], ends[1], rears[1], rears[0])]), top


def _add_roof(
    mesh: Mesh, dice: Dice, ends: list[tuple[float, float]], rears: list[tuple[float, float]], top: float
) -> None:
    """Add a pitched roof, its ridge along the street, and the gables below it."""
    colour, ridge = dice.pick(_ROOFS), top + dice.between(2.0, 3.5)
    middles = [((a[0] + b[0]) / 2, (a[1] + b[1]) / 2) for a, b in zip(ends, rears, strict=True)]
    for eaves in (ends, rears):
        low, high = [_raised(place, top) for place in eaves], [_raised(place, ridge) for place in middles]
        corners = low[0], low[1], high[1], high[0]
        mesh.add(_polygon(*corners), _one(colour), label=Label.BUILDING)
    for end in (0, 1):
        shade = (0.52, 0.47, 0.42)
        gable = _polygon(_raised(rears[end], top), _raised(ends[end], top), _raised(middles[end], ridge))
        mesh.add(gable, _one(shade), label=Label.BUILDING)


def _raised(place: tuple[float, float], y: float) -> Point:
    return place[0], y, place[1]


def add_boundary(mesh: Mesh, road: Road, dice: Dice, plot: Plot) -> None:
    """Add a wall, fence or hedge along the front of a plot."""
    kind = dice.below(3)
    place = (road.plots[0] if plot.side < 0 else road.plots[1]) + plot.side * 0.3
    pieces = max(1, int((plot.far - plot.near) / 2.5))
    edges = [plot.near + (plot.far - plot.near) * i / pieces for i in range(pieces + 1)]
    ends = [(road.path(z) + place, z) for z in edges]
    height = dice.between(0.9, 2.0)
    if kind == 0:
        tone = dice.pick(_WALLS)
        coping: Colour = (tone[0] * 0.6, tone[1] * 0.6, tone[2] * 0.6)
        _add_strips(mesh, ends, (0.0, height), tone, Label.WALL)
        _add_strips(mesh, ends, (height, height + 0.1), coping, Label.WALL)
    elif kind == 1:
        tone = dice.pick(((0.22, 0.23, 0.24), (0.40, 0.29, 0.19), (0.72, 0.72, 0.70)))
        for low in (0.15, 0.55, 0.95):
            _add_strips(mesh, ends, (low, low + 0.2), tone, Label.FENCE)
        posts = []
        for (x0, z0), (x1, z1) in pairwise(ends):
            for part in (0.0, 0.33, 0.67):
                x, z = x0 + (x1 - x0) * part, z0 + (z1 - z0) * part
                posts.append(_polygon((x, 0, z), (x + 0.01, 0, z + 0.14), (x + 0.01, 1.25, z + 0.14), (x, 1.25, z)))
        mesh.add(np.concatenate(posts), np.tile(_one(tone), (len(posts), 1)), label=Label.FENCE)
    else:
        _add_strips(mesh, ends, (0.0, height), dice.pick(LEAVES), Label.VEGETATION, FOLIAGE)


def _add_strips(
    mesh: Mesh,
    ends: list[tuple[float, float]],
    levels: tuple[float, float],
    tone: Colour,
    label: Label,
    surface: int = PLAIN,
) -> None:
    """Add upright strips from each of the places (x, z) to the next."""
    line = np.array(ends, dtype=np.float64)
    corners = np.empty((len(line) - 1, MOST_CORNERS, 3))
    corners[:, :2, 1], corners[:, 2:, 1] = levels
    corners[:, 0, ::2] = line[:-1]
    corners[:, 1:3, ::2] = line[1:, None]
    corners[:, 3:, ::2] = line[:-1, None]
    mesh.add(corners, np.tile(_one(tone), (len(corners), 1)), label=label, surface=surface)


def add_skyline(mesh: Mesh, facades: list[Facade], dice: Dice, density: float) -> None:
    """Add houses and trees far behind everything else."""
    for z, low, high in ((230.0, 8, 14 + 26 * density), (190.0, 5, 9 + 12 * density)):
        x = -260.0
        while x < 260:
            width = dice.between(10, 28)
            if dice.happens(0.35 + 0.5 * density):
                top, wall = dice.between(low, high), dice.pick(_WALLS)
                facades.append(_facade(dice, (x, z), (x + width, z), top, None))
                corners = _polygon((x, 0, z), (x + width, 0, z), (x + width, top, z), (x, top, z))
                mesh.add(corners, _one(wall), label=Label.BUILDING, surface=FIRST_FACADE + len(facades) - 1)
            x += width * dice.between(0.8, 1.1)
    x = -240.0
    while x < 240:
        width, top = dice.between(8, 22), dice.between(3.5, 9.5)
        tone = dice.pick(LEAVES)
        crown = [
            (x + width * p, top * h, 180.0)
            for p, h in ((0.0, 0.0), (1.0, 0.0), (0.98, 0.5), (0.8, 0.85), (0.5, 1.0), (0.22, 0.88), (0.03, 0.55))
        ]
        mesh.add(_polygon(*crown), _one(tone), label=Label.VEGETATION, surface=FOLIAGE)
        x += width * dice.between(0.45, 1.0)
