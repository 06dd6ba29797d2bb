"""Model people on foot and on two wheels."""

from __future__ import annotations

from functools import cache

from synth.streets.dice import Dice
from synth.streets.solids import CIRCLE, Colour, Model, Sculptor

_SKINS: tuple[Colour, ...] = ((0.80, 0.62, 0.50), (0.66, 0.47, 0.35), (0.45, 0.30, 0.22), (0.30, 0.20, 0.15))
_HAIRS: tuple[Colour, ...] = ((0.08, 0.06, 0.05), (0.22, 0.14, 0.09), (0.45, 0.33, 0.18), (0.55, 0.54, 0.52))
_TOPS: tuple[Colour, ...] = (
    (0.62, 0.12, 0.12),
    (0.14, 0.26, 0.52),
    (0.10, 0.11, 0.13),
    (0.78, 0.77, 0.73),
    (0.78, 0.58, 0.14),
    (0.16, 0.40, 0.30),
    (0.42, 0.36, 0.30),
    (0.46, 0.48, 0.52),
    (0.70, 0.40, 0.50),
)
_LEGS: tuple[Colour, ...] = (
    (0.12, 0.15, 0.26),
    (0.08, 0.08, 0.09),
    (0.30, 0.30, 0.32),
    (0.46, 0.40, 0.30),
    (0.18, 0.24, 0.36),
)
_FRAMES: tuple[Colour, ...] = (
    (0.62, 0.10, 0.10),
    (0.10, 0.30, 0.58),
    (0.10, 0.10, 0.11),
    (0.75, 0.76, 0.78),
    (0.20, 0.48, 0.24),
)

POSES = 6
"""Phases of the step that :func:`walker` knows."""

_SWINGS = (0.30, 0.20, 0.08, -0.06, -0.18, -0.28)


def clothes(dice: Dice) -> dict[str, Colour]:
    """Draw a palette for one person and their cycle."""
    top, legs = dice.pick(_TOPS), dice.pick(_LEGS)
    shade = (top[0] * 0.68, top[1] * 0.68, top[2] * 0.68)
    return {
        "skin": dice.pick(_SKINS),
        "hair": dice.pick(_HAIRS),
        "top": top,
        "sleeve": shade,
        "legs": legs,
        "leg_shade": (legs[0] * 0.7, legs[1] * 0.7, legs[2] * 0.7),
        "shoes": dice.pick(((0.06, 0.05, 0.05), (0.70, 0.70, 0.68), (0.30, 0.20, 0.13))),
        "bag": dice.pick(((0.25, 0.15, 0.10), (0.10, 0.10, 0.12), (0.50, 0.14, 0.16))),
        "frame": dice.pick(_FRAMES),
        "tyre": (0.05, 0.05, 0.055),
        "metal": (0.50, 0.51, 0.52),
        "dark": (0.08, 0.08, 0.085),
        "head": (0.85, 0.84, 0.76),
        "tail": (0.55, 0.04, 0.04),
    }


@cache
def walker(pose: int, sideways: bool, bag: bool) -> Model:
    """Model a person on foot, 1.75 m tall, flat and turned to the camera.

    Args:
        pose: Phase of the step, 0 .. POSES - 1.
        sideways: Seen from the side, with long steps; else from the front or the back.
        bag: Carries one.
    """
    s = Sculptor()
    swing = _SWINGS[pose]
    spread = swing if sideways else 0.07
    hips = 0.02 if sideways else 0.085
    lift = 0.05 * (1 if swing > 0 else -1)
    for side, slot, z in ((1, "legs", -0.02), (-1, "leg_shade", 0.01)):
        foot = (side * (spread + hips * 0.6), 0.05 + max(0.0, -side * lift))
        knee = (side * (hips + spread * 0.45) + (0.05 if sideways else 0.0), 0.48)
        s.limb(slot, z, [(side * hips, 0.92), knee, foot], [0.19, 0.14, 0.10])
        toe = 0.13 if sideways else 0.05 * side
        s.limb("shoes", z - 0.002, [(foot[0] - 0.05, foot[1]), (foot[0] + toe, foot[1] - 0.02)], [0.10, 0.08])
    shoulder = 0.135 if sideways else 0.215
    waist = 0.12 if sideways else 0.165
    s.face("top", (-waist, 0.86, -0.03), (waist, 0.86, -0.03), (shoulder, 1.38, -0.03), (shoulder * 0.6, 1.49, -0.03),
           (-shoulder * 0.6, 1.49, -0.03), (-shoulder, 1.38, -0.03))  # fmt: skip
    s.face("sleeve", (-waist, 0.86, -0.032), (-waist * 0.35, 0.86, -0.032), (-shoulder * 0.45, 1.40, -0.032),
           (-shoulder, 1.38, -0.032))  # fmt: skip
    for side, z in ((1, -0.05), (-1, 0.0 if sideways else -0.05)):
        root = (side * (0.03 if sideways else shoulder - 0.01), 1.40)
        elbow = (root[0] + side * (0.03 - (spread * 0.5 if sideways else 0.0)), 1.12)
        hand = (elbow[0] - side * spread * 0.4 + (0.09 if sideways else 0.0), 0.88)
        s.limb("sleeve", z, [root, elbow, hand], [0.13, 0.10, 0.08])
        s.oval("skin", (hand[0], hand[1] - 0.03, z - 0.001), 0.045, 0.055)
    s.limb("skin", -0.035, [(0.0, 1.44), (0.01, 1.58)], [0.11, 0.10])
    s.oval("skin", (0.015, 1.63, -0.04), 0.088, 0.12)
    s.face("hair", *[(0.0 + 0.1 * c, 1.66 + 0.11 * s_, -0.042) for c, s_ in CIRCLE if s_ >= -0.1])
    if bag:
        s.face("bag", (0.12, 0.72, -0.06), (0.34, 0.72, -0.06), (0.31, 0.98, -0.06), (0.15, 0.98, -0.06))
    return s.model()


def _spoked_wheel(s: Sculptor, x: float, z: float, radius: float, thickness: float) -> None:
    """Add a ring in the plane x, with a hub and four spokes, from strips."""
    outer = [(z + radius * c, radius + radius * v) for c, v in CIRCLE]
    inner = [(z + (radius - thickness) * c, radius + (radius - thickness) * v) for c, v in CIRCLE]
    for i in range(len(CIRCLE)):
        j = (i + 1) % len(CIRCLE)
        s.side("tyre", x, [outer[i], outer[j], inner[j], inner[i]])
    for i in (0, 2, 4):
        (z0, y0), (z1, y1) = inner[i], inner[i + 6]
        s.side("metal", x, [(z0, y0 - 0.008), (z0, y0 + 0.008), (z1, y1 + 0.008), (z1, y1 - 0.008)])
    s.disc("metal", x, radius, z, 0.05)
    for end in (-radius + 0.02, radius - 0.02):
        s.upright("tyre", z + end, (x - 0.028, x + 0.028), (radius * 0.25, radius * 1.75))


def _bar(s: Sculptor, slot: str, x: float, ends: tuple[tuple[float, float], tuple[float, float]], width: float) -> None:
    """Add a straight tube in the plane x from one ``(z, y)`` to another, visible from the side and along z."""
    (z0, y0), (z1, y1) = ends
    along = ((z1 - z0) ** 2 + (y1 - y0) ** 2) ** 0.5
    dz, dy = (y0 - y1) / along * width / 2, (z1 - z0) / along * width / 2
    s.side(slot, x, [(z0 + dz, y0 + dy), (z1 + dz, y1 + dy), (z1 - dz, y1 - dy), (z0 - dz, y0 - dy)])
    if abs(y1 - y0) > 0.1:
        half = width / 2
        s.face(slot, (x - half, y0, z0), (x + half, y0, z0), (x + half, y1, z1), (x - half, y1, z1))


@cache
def bicycle() -> Model:
    """Model a city bicycle of 1.75 m."""
    s = Sculptor()
    for z in (-0.53, 0.53):
        _spoked_wheel(s, 0.0, z, 0.34, 0.055)
    saddle, head, crank, rear = (-0.22, 0.88), (0.36, 0.86), (-0.06, 0.30), (-0.53, 0.34)
    for ends in ((saddle, crank), (head, crank), (saddle, head), (saddle, rear), (crank, rear), (head, (0.53, 0.34))):
        _bar(s, "frame", 0.0, ends, 0.05)
    _bar(s, "dark", 0.0, ((-0.36, 0.93), (-0.10, 0.95)), 0.07)
    _bar(s, "dark", 0.0, (head, (0.32, 1.02)), 0.04)
    s.box("dark", (-0.28, 0.28), (1.00, 1.04), (0.28, 0.32))
    s.upright("tail", -0.89, (-0.03, 0.03), (0.62, 0.69))
    s.disc("head", 0.0, 0.9, 0.42, 0.05, "z")
    return s.model()


@cache
def motorcycle() -> Model:
    """Model a motorcycle of 2.1 m."""
    s = Sculptor()
    for z in (-0.70, 0.70):
        _spoked_wheel(s, 0.0, z, 0.32, 0.11)
        s.upright("tyre", z + (0.3 if z > 0 else -0.3), (-0.07, 0.07), (0.0, 0.62))
    s.loft("dark", [(-0.40, 0.28, 0.62, 0.14), (0.0, 0.22, 0.72, 0.17), (0.38, 0.34, 0.66, 0.12)])
    s.loft("frame", [(-0.10, 0.66, 0.86, 0.10), (0.18, 0.68, 1.00, 0.17), (0.42, 0.74, 0.94, 0.12)])
    s.loft("bag", [(-0.85, 0.72, 0.84, 0.09), (-0.45, 0.68, 0.80, 0.13), (-0.08, 0.68, 0.80, 0.12)])
    _bar(s, "metal", 0.0, ((0.42, 0.98), (0.70, 0.32)), 0.07)
    s.box("dark", (-0.36, 0.36), (1.05, 1.09), (0.34, 0.40))
    s.disc("head", 0.0, 0.90, 0.55, 0.11, "z")
    s.upright("tail", -0.87, (-0.07, 0.07), (0.76, 0.84))
    s.upright("dark", -0.88, (-0.10, 0.10), (0.50, 0.68))
    return s.model()


@cache
def rider(sideways: bool, lean: float) -> Model:
    """Model a rider of a two-wheeler, flat and turned to the camera.

    Args:
        sideways: Seen from the side, travelling to the right; else from the back.
        lean: How far the shoulders are before the saddle, metres.
    """
    s = Sculptor()
    if sideways:
        hip, neck = (-0.22, 0.95), (-0.22 + lean, 1.48)
        for knee, foot, slot, z in (
            ((0.16, 0.72), (0.02, 0.20), "legs", -0.05),
            ((0.10, 0.86), (-0.08, 0.42), "leg_shade", 0.03),
        ):
            s.limb(slot, z, [hip, knee, foot], [0.19, 0.14, 0.09])
            s.limb(
                "shoes", z - 0.002, [(foot[0] - 0.05, foot[1] - 0.02), (foot[0] + 0.14, foot[1] - 0.04)], [0.09, 0.07]
            )
        s.limb("top", -0.06, [(hip[0], hip[1] - 0.06), neck], [0.27, 0.30])
        s.limb("sleeve", -0.07, [(neck[0], neck[1] - 0.06), (neck[0] + 0.18, 1.18), (0.32, 1.05)], [0.13, 0.10, 0.07])
        head = (neck[0] + 0.05, neck[1] + 0.17)
    else:
        for side, low in ((1, 0.18), (-1, 0.40)):
            s.limb("legs", -0.05, [(side * 0.10, 0.95), (side * 0.15, 0.62), (side * 0.11, low)], [0.20, 0.15, 0.10])
            s.oval("shoes", (side * 0.11, low - 0.04, -0.052), 0.055, 0.07)
            s.limb("sleeve", -0.04, [(side * 0.20, 1.40), (side * 0.30, 1.2), (side * 0.26, 1.03)], [0.13, 0.10, 0.08])
        s.face("top", (-0.18, 0.88, -0.06), (0.18, 0.88, -0.06), (0.23, 1.38, -0.06), (0.12, 1.50, -0.06),
               (-0.12, 1.50, -0.06), (-0.23, 1.38, -0.06))  # fmt: skip
        head = (0.0, 1.65)
    s.oval("skin", (head[0], head[1], -0.062), 0.09, 0.12)
    s.face("bag", *[(head[0] + 0.12 * c, head[1] + 0.03 + 0.12 * v, -0.064) for c, v in CIRCLE if v >= -0.1])
    return s.model()
