"""Build solid models of flat faces, and place them in a scene.

A model stands on y = 0 around the origin and faces along z; its faces carry colour *slots*, so that one car model
serves cars of every paint.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.contract import FloatArray, IntArray
from synth.streets.dice import Floats

MOST_CORNERS = 12
Point = tuple[float, float, float]
Colour = tuple[float, float, float]

CIRCLE = tuple(
    zip(
        (1.0, 0.8660254, 0.5, 0.0, -0.5, -0.8660254, -1.0, -0.8660254, -0.5, 0.0, 0.5, 0.8660254),
        (0.0, 0.5, 0.8660254, 1.0, 0.8660254, 0.5, 0.0, -0.5, -0.8660254, -1.0, -0.8660254, -0.5),
        strict=True,
    )
)
"""Cosines and sines of the twelve hours, written down because machines disagree on their last digit."""


@dataclass(frozen=True)
class Model:
    """Faces of one object in its own coordinates.

    Attributes:
        corners: (F, MOST_CORNERS, 3) metres; shorter faces repeat their last corner.
        slots: Names of its colours.
        colours: (F,) index into ``slots`` of the colour of each face.
    """

    corners: FloatArray
    slots: tuple[str, ...]
    colours: IntArray

    def placed(
        self, x: float, z: float, turn: tuple[float, float] = (0.0, 1.0), scale: float = 1.0, mirrored: bool = False
    ) -> FloatArray:
        """Compute the corners of a placed model in the world.

        Args:
            x: To the right, metres.
            z: Forward, metres.
            turn: Unit vector (x, z) to which the model's z axis is turned.
            scale: Size relative to the model.
            mirrored: Left and right exchanged.
        """
        right, ahead = turn
        placed: FloatArray = self.corners * scale
        across, along = placed[..., 0] * (-1 if mirrored else 1), placed[..., 2].copy()
        placed[..., 0] = x + across * ahead + along * right
        placed[..., 2] = z - across * right + along * ahead
        return placed


@dataclass
class Sculptor:
    """Collects faces of a model."""

    faces: list[FloatArray] = field(default_factory=list)
    slots: list[str] = field(default_factory=list)

    def face(self, slot: str, *corners: Point) -> None:
        """Add a flat convex polygon of 3 to MOST_CORNERS corners."""
        padded = list(corners) + [corners[-1]] * (MOST_CORNERS - len(corners))
        self.faces.append(np.array(padded, dtype=np.float64))
        self.slots.append(slot)

    def model(self) -> Model:
        """Finish the model."""
        slots = tuple(dict.fromkeys(self.slots))
        return Model(np.stack(self.faces), slots, np.array([slots.index(slot) for slot in self.slots]))

    def loft(self, slot: str, sections: Sequence[tuple[float, float, float, float]], bulge: float = 0.0) -> None:
        """Add a body along z through sections ``(z, y_bottom, y_top, half_width)``, from back to front.

        With a bulge its sides are widest halfway up, by so many metres.
        """
        for (z0, b0, t0, w0), (z1, b1, t1, w1) in itertools.pairwise(sections):
            self.face(slot, (-w0, t0, z0), (w0, t0, z0), (w1, t1, z1), (-w1, t1, z1))
            for side in (-1, 1):
                m0, m1 = b0 + (t0 - b0) * 0.55, b1 + (t1 - b1) * 0.55
                x0, x1 = side * (w0 + bulge), side * (w1 + bulge)
                self.face(slot, (x0, m0, z0), (side * w0, t0, z0), (side * w1, t1, z1), (x1, m1, z1))
                self.face(slot, (side * w0, b0, z0), (x0, m0, z0), (x1, m1, z1), (side * w1, b1, z1))
        for z, b, t, w in (sections[0], sections[-1]):
            self.face(slot, (-w, b, z), (w, b, z), (w, t, z), (-w, t, z))

    def box(self, slot: str, x: tuple[float, float], y: tuple[float, float], z: tuple[float, float]) -> None:
        """Add an upright box."""
        (x0, x1), (y0, y1), (z0, z1) = x, y, z
        for depth in (z0, z1):
            self.face(slot, (x0, y0, depth), (x1, y0, depth), (x1, y1, depth), (x0, y1, depth))
        for side in (x0, x1):
            self.face(slot, (side, y0, z0), (side, y0, z1), (side, y1, z1), (side, y1, z0))
        for level in (y0, y1):
            self.face(slot, (x0, level, z0), (x1, level, z0), (x1, level, z1), (x0, level, z1))

    def upright(self, slot: str, z: float, x: tuple[float, float], y: tuple[float, float]) -> None:
        """Add a rectangle that faces along z."""
        self.face(slot, (x[0], y[0], z), (x[1], y[0], z), (x[1], y[1], z), (x[0], y[1], z))

    def side(self, slot: str, x: float, outline: Sequence[tuple[float, float]]) -> None:
        """Add a polygon of ``(z, y)`` corners that faces sideways at x."""
        self.face(slot, *[(x, y, z) for z, y in outline])

    def disc(self, slot: str, x: float, y: float, z: float, radius: float, facing: str = "x") -> None:
        """Add a disc that faces sideways (``x``) or along z (``z``)."""
        if facing == "x":
            self.face(slot, *[(x, y + radius * s, z + radius * c) for c, s in CIRCLE])
        else:
            self.face(slot, *[(x + radius * c, y + radius * s, z) for c, s in CIRCLE])

    def oval(self, slot: str, centre: Point, half_width: float, half_height: float) -> None:
        """Add an ellipse that faces along z."""
        x, y, z = centre
        self.face(slot, *[(x + half_width * c, y + half_height * s, z) for c, s in CIRCLE])

    def limb(self, slot: str, z: float, path: Sequence[tuple[float, float]], widths: Sequence[float]) -> None:
        """Add a bent strip through ``(x, y)`` points that faces along z, with its width at every point."""
        strips = zip(path, path[1:], widths, widths[1:], strict=False)
        for (x0, y0), (x1, y1), w0, w1 in strips:
            along = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5 or 1.0
            across = ((y0 - y1) / along / 2, (x1 - x0) / along / 2)
            a = (x0 + across[0] * w0, y0 + across[1] * w0, z)
            b = (x1 + across[0] * w1, y1 + across[1] * w1, z)
            c = (x1 - across[0] * w1, y1 - across[1] * w1, z)
            d = (x0 - across[0] * w0, y0 - across[1] * w0, z)
            self.face(slot, a, b, c, d)


@dataclass
class Mesh:
    """All faces of a scene, with what the painter and the truth need to know about each.

    Lists have one entry per object added; ``finished`` joins them.
    """

    corners: list[FloatArray] = field(default_factory=list)
    colours: list[Floats] = field(default_factory=list)
    glows: list[Floats] = field(default_factory=list)
    numbers: list[tuple[int, int, int, int]] = field(default_factory=list)

    def add(
        self,
        corners: FloatArray,
        colours: Floats,
        *,
        label: int,
        instance: int = 0,
        surface: int = 0,
        sunlit: bool = True,
        glows: Floats | None = None,
    ) -> None:
        """Add the faces of one object.

        Args:
            corners: (F, MOST_CORNERS, 3) in metres.
            colours: (F, 3) float32 in [0, 1].
            label: Label-map class.
            instance: Number of the object, from 1; 0 when it is not counted.
            surface: How the painter treats it: 0 plain, else see :mod:`synth.streets.colours`.
            sunlit: False if it stands in the shadow of a house.
            glows: (F,) float32, light of its own; None for none.
        """
        count = len(corners)
        self.corners.append(corners)
        self.colours.append(colours)
        self.glows.append(np.zeros(count, np.float32) if glows is None else glows)
        self.numbers.append((label, instance, surface, sunlit))

    def finished(self) -> Faces:
        """Return everything added so far as arrays."""
        numbers = np.repeat(np.array(self.numbers, np.int64), [len(corners) for corners in self.corners], axis=0)
        return Faces(
            np.concatenate(self.corners),
            np.concatenate(self.colours),
            np.concatenate(self.glows),
            numbers[:, 0],
            numbers[:, 1],
            numbers[:, 2],
            numbers[:, 3],
        )


@dataclass(frozen=True)
class Faces:
    """Faces of a whole scene as arrays of equal length; see :meth:`Mesh.add`."""

    corners: FloatArray
    colours: Floats
    glows: Floats
    labels: IntArray
    instances: IntArray
    surfaces: IntArray
    sunlit: IntArray


def coloured(model: Model, palette: Mapping[str, Colour], glow: Mapping[str, float]) -> tuple[Floats, Floats]:
    """Look up colours (F, 3) and glows (F,) of a model's faces by the names of their slots."""
    colours = np.array([palette[slot] for slot in model.slots], dtype=np.float32)
    glows = np.array([glow.get(slot, 0.0) for slot in model.slots], dtype=np.float32)
    return colours[model.colours], glows[model.colours]
