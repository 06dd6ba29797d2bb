"""Model vehicles: cars, vans, buses, trucks."""

from __future__ import annotations

from functools import cache

from synth.streets.dice import Dice
from synth.streets.solids import Colour, Model, Point, Sculptor

PAINTS: tuple[Colour, ...] = (
    (0.82, 0.83, 0.84),
    (0.60, 0.62, 0.64),
    (0.30, 0.31, 0.33),
    (0.10, 0.10, 0.11),
    (0.13, 0.14, 0.17),
    (0.52, 0.09, 0.09),
    (0.14, 0.24, 0.46),
    (0.20, 0.33, 0.28),
    (0.62, 0.55, 0.42),
    (0.76, 0.62, 0.14),
    (0.36, 0.16, 0.13),
    (0.35, 0.48, 0.62),
)
LIVERIES: tuple[Colour, ...] = (
    (0.70, 0.12, 0.12),
    (0.16, 0.34, 0.62),
    (0.20, 0.48, 0.30),
    (0.82, 0.70, 0.24),
    (0.80, 0.80, 0.78),
    (0.45, 0.28, 0.55),
)
TRIM: dict[str, Colour] = {
    "glass": (0.13, 0.16, 0.19),
    "screen": (0.20, 0.24, 0.28),
    "tyre": (0.045, 0.045, 0.05),
    "arch": (0.03, 0.03, 0.035),
    "hub": (0.50, 0.51, 0.53),
    "tail": (0.55, 0.04, 0.04),
    "head": (0.86, 0.86, 0.80),
    "plate": (0.80, 0.80, 0.76),
    "dark": (0.07, 0.07, 0.075),
    "grille": (0.11, 0.11, 0.12),
    "cargo": (0.78, 0.78, 0.76),
    "frame": (0.16, 0.16, 0.17),
    "sign": (0.95, 0.62, 0.15),
    "indoor": (0.55, 0.52, 0.42),
    "shine": (0.34, 0.39, 0.44),
    "seam": (0.0, 0.0, 0.0),
}
"""Colours that do not change with the paint; ``seam`` is derived from it."""

SHAPES = ("saloon", "hatchback", "estate", "suv", "van")

_HALF_WIDTH = 0.90
"""Half the width of a car, in metres."""

# length, height, shoulder height, windscreen foot, roof front, roof back, rear window foot (z from the centre)
_CARS = {
    "saloon": (4.6, 1.44, 0.90, 0.95, 0.25, -1.05, -1.75),
    "hatchback": (4.0, 1.50, 0.92, 0.95, 0.30, -1.35, -1.85),
    "estate": (4.7, 1.50, 0.92, 1.00, 0.35, -1.85, -2.20),
    "suv": (4.6, 1.72, 1.06, 1.05, 0.45, -1.75, -2.15),
    "van": (5.0, 2.05, 1.15, 1.75, 1.15, -2.35, -2.45),
}


def paint(dice: Dice, colours: tuple[Colour, ...]) -> dict[str, Colour]:
    """Draw a palette with a random paint, slightly varied."""
    base = dice.pick(colours)
    strength = dice.between(0.85, 1.12)
    body = (base[0] * strength, base[1] * strength, base[2] * strength)
    return TRIM | {"body": body, "seam": (body[0] * 0.55, body[1] * 0.55, body[2] * 0.55)}


def _wheel(sculptor: Sculptor, side: int, half_width: float, z: float, radius: float) -> None:
    x = side * half_width
    sculptor.disc("arch", x + side * 0.004, radius * 1.12, z, radius * 1.17)
    sculptor.disc("tyre", x + side * 0.02, radius, z, radius)
    sculptor.disc("hub", x + side * 0.03, radius, z, radius * 0.62)
    sculptor.disc("dark", x + side * 0.04, radius, z, radius * 0.2)
    inner = sorted((x - side * 0.22, x + side * 0.015))
    for face in (-radius * 0.9, radius * 0.9):
        sculptor.upright("tyre", z + face, (inner[0], inner[1]), (0.02, radius * 1.1))


def _ends(sculptor: Sculptor, length: float, width: float, low: float, high: float) -> None:
    """Add lights, plates, bumpers and grille of a car; ``low`` .. ``high`` is the height of its ends."""
    back, front = -length / 2 - 0.012, length / 2 + 0.012
    lift = high - low
    for side in (-1, 1):
        outer, inner = side * (width - 0.03), side * (width - 0.36)
        across = (min(outer, inner), max(outer, inner))
        sculptor.upright("tail", back, across, (low + 0.52 * lift, low + 0.92 * lift))
        sculptor.upright("head", front, across, (low + 0.55 * lift, low + 0.88 * lift))
    sculptor.upright("seam", back, (-width + 0.03, width - 0.03), (low + 0.34 * lift, low + 0.38 * lift))
    sculptor.upright("plate", back - 0.002, (-0.26, 0.26), (low + 0.42 * lift, low + 0.64 * lift))
    sculptor.upright("dark", back - 0.002, (-width + 0.04, width - 0.04), (low, low + 0.24 * lift))
    sculptor.upright("grille", front, (-0.42, 0.42), (low + 0.38 * lift, low + 0.80 * lift))
    sculptor.upright("plate", front + 0.004, (-0.26, 0.26), (low + 0.16 * lift, low + 0.36 * lift))
    sculptor.upright("dark", front, (-width + 0.08, width - 0.08), (low, low + 0.15 * lift))


@cache
def car(shape: str) -> Model:
    """Model a car; ``shape`` is one of SHAPES."""
    length, _, shoulder, *_ = _CARS[shape]
    s = Sculptor()
    _hull(s, shape)
    _cabin(s, shape)
    for side in (-1, 1):
        _flank(s, side, shape)
    _ends(s, length, _HALF_WIDTH - 0.10, 0.33, shoulder - 0.12 - 0.18 if shape != "van" else shoulder - 0.2)
    return s.model()


def _hull(s: Sculptor, shape: str) -> None:
    """Add the body of a car below its windows."""
    length, _, shoulder, screen, _, _, rear = _CARS[shape]
    half, w, bonnet = length / 2, _HALF_WIDTH, shoulder - 0.12
    sections = [
        (-half, 0.34, shoulder - 0.10, w - 0.08),
        (-half + 0.14, 0.24, shoulder - 0.01, w - 0.02),
        (rear, 0.20, shoulder, w),
        (screen, 0.20, shoulder, w),
        (half - 0.35, 0.22, bonnet, w - 0.02),
        (half, 0.32, bonnet - 0.18, w - 0.10),
    ]
    s.loft("body", sections, bulge=0.035)


def _cabin(s: Sculptor, shape: str) -> None:
    """Add the roof of a car, and the panes before and behind it."""
    _, height, shoulder, screen, roof_front, roof_back, rear = _CARS[shape]
    top, waist = _HALF_WIDTH - 0.22, _HALF_WIDTH - 0.04
    s.face(
        "body",
        (-top, height, roof_back),
        (top, height, roof_back),
        (top, height, roof_front),
        (-top, height, roof_front),
    )
    for z0, z1, slot in ((screen, roof_front, "screen"), (rear, roof_back, "glass")):
        out = 0.012 if z0 > z1 else -0.012
        s.face("body", (-waist, shoulder, z0), (waist, shoulder, z0), (top, height, z1), (-top, height, z1))
        low, high = 0.10, 0.92
        corners: list[Point] = []
        for side, part in ((-1, low), (1, low), (1, high), (-1, high)):
            across = (waist + (top - waist) * part) * 0.90
            corners.append((side * across, shoulder + (height - shoulder) * part + 0.006, z0 + (z1 - z0) * part + out))
        s.face(slot, *corners)
        s.face("shine", *_streak(corners, 0.012 if out > 0 else -0.012))


def _flank(s: Sculptor, side: int, shape: str) -> None:
    """Add one side of a car, -1 left or 1 right: windows, doors, mirror and wheels."""
    length, height, shoulder, screen, roof_front, roof_back, rear = _CARS[shape]
    half, w = length / 2, _HALF_WIDTH
    top, waist = w - 0.22, w - 0.04
    s.face(
        "body",
        (side * waist, shoulder, rear),
        (side * waist, shoulder, screen),
        (side * top, height, roof_front),
        (side * top, height, roof_back),
    )
    _side_windows(s, side, (waist, top), (shoulder, height), (rear, roof_back), (screen, roof_front), shape)
    door = side * (w + 0.042)
    for z in (screen - 0.25, (screen + rear) / 2):
        s.side("seam", door, [(z, 0.30), (z + 0.03, 0.30), (z + 0.03, shoulder - 0.04), (z, shoulder - 0.04)])
    s.side("dark", door, [(rear, 0.20), (screen, 0.20), (screen, 0.29), (rear, 0.29)])
    mirror = sorted((side * w, side * (w + 0.17)))
    s.box("body", (mirror[0], mirror[1]), (shoulder - 0.02, shoulder + 0.13), (screen - 0.36, screen - 0.22))
    for z in (-half + 0.80, half - 0.82):
        _wheel(s, side, w + 0.045, z, 0.33)


def _streak(pane: list[Point], out: float) -> list[Point]:
    """Compute the corners of a slanted band across a pane, from its lower left corner on, that mirrors the sky."""

    def along(a: Point, b: Point, part: float) -> Point:
        return a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part, a[2] + (b[2] - a[2]) * part + out

    low, high = (pane[0], pane[1]), (pane[3], pane[2])
    return [along(*low, 0.12), along(*low, 0.34), along(*high, 0.58), along(*high, 0.36)]


def _side_windows(
    s: Sculptor,
    side: int,
    across: tuple[float, float],
    levels: tuple[float, float],
    back: tuple[float, float],
    front: tuple[float, float],
    shape: str,
) -> None:
    """Add glass between pillars, on the sloping side of the cabin."""

    def point(part_up: float, part_along: float) -> tuple[float, float, float]:
        x = across[0] + (across[1] - across[0]) * part_up + 0.012
        y = levels[0] + (levels[1] - levels[0]) * part_up
        z0 = back[0] + (back[1] - back[0]) * part_up
        z1 = front[0] + (front[1] - front[0]) * part_up
        return side * x, y, z0 + (z1 - z0) * part_along

    panes = ((0.66, 0.95),) if shape == "van" else ((0.07, 0.47), (0.51, 0.94))
    for start, stop in panes:
        s.face("glass", point(0.08, start), point(0.08, stop), point(0.86, stop), point(0.86, start))


@cache
def bus() -> Model:
    """Model a city bus of 11 metres."""
    s = Sculptor()
    half, w, roof = 5.5, 1.25, 3.05
    s.loft("body", [(-half, 0.35, roof - 0.08, w - 0.05), (-half + 0.2, 0.3, roof, w), (half - 0.2, 0.3, roof, w),
                    (half, 0.35, roof - 0.1, w - 0.06)])  # fmt: skip
    for side in (-1, 1):
        x = side * (w + 0.01)
        s.side("glass", x, [(-half + 0.5, 1.30), (half - 0.3, 1.30), (half - 0.3, 2.55), (-half + 0.5, 2.55)])
        for pillar in range(7):
            z = -half + 0.45 + pillar * 1.62
            s.side("frame", x + side * 0.01, [(z, 1.25), (z + 0.12, 1.25), (z + 0.12, 2.6), (z, 2.6)])
        s.side("stripe", x, [(-half + 0.2, 0.95), (half - 0.2, 0.95), (half - 0.2, 1.16), (-half + 0.2, 1.16)])
        for z in (-3.4, 3.1):
            _wheel(s, side, w, z, 0.48)
    for z in (3.9, -0.6):
        s.side("screen", w + 0.025, [(z, 0.42), (z + 1.15, 0.42), (z + 1.15, 2.5), (z, 2.5)])
        s.side("frame", w + 0.03, [(z + 0.54, 0.42), (z + 0.61, 0.42), (z + 0.61, 2.5), (z + 0.54, 2.5)])
    front, back = half + 0.012, -half - 0.012
    s.upright("screen", front, (-w + 0.14, w - 0.14), (1.15, 2.45))
    s.face(
        "shine",
        (-0.9, 1.2, front + 0.01),
        (-0.3, 1.2, front + 0.01),
        (0.3, 2.4, front + 0.01),
        (-0.3, 2.4, front + 0.01),
    )
    s.upright("frame", front + 0.012, (-0.03, 0.03), (1.15, 2.45))
    s.upright("dark", front, (-w + 0.14, w - 0.14), (2.50, 2.88))
    s.upright("sign", front + 0.01, (-0.75, 0.55), (2.57, 2.81))
    s.upright("glass", back, (-w + 0.25, w - 0.25), (1.65, 2.55))
    s.upright("sign", back - 0.01, (-0.35, 0.35), (2.62, 2.82))
    s.upright("grille", back, (-0.8, 0.8), (0.55, 1.05))
    for side in (-1, 1):
        outer = sorted((side * (w - 0.1), side * (w - 0.42)))
        s.upright("head", front, (outer[0], outer[1]), (0.62, 0.86))
        s.upright("tail", back, (outer[0], outer[1]), (0.85, 1.30))
    s.upright("plate", front, (-0.26, 0.26), (0.48, 0.62))
    s.upright("dark", front - 0.002, (-w + 0.1, w - 0.1), (0.36, 0.55))
    s.upright("dark", back + 0.002, (-w + 0.1, w - 0.1), (0.36, 0.5))
    return s.model()


@cache
def truck(length: float) -> Model:
    """Model a lorry: a cab in the paint's colour before a box of cargo."""
    s = Sculptor()
    half, w = length / 2, 1.22
    cab = half - 1.9
    s.loft("body", [(cab, 0.5, 2.65, w - 0.03), (half - 0.25, 0.45, 2.6, w - 0.03), (half, 0.45, 1.45, w - 0.08)])
    s.face(
        "screen",
        (-w + 0.16, 1.52, half + 0.01),
        (w - 0.16, 1.52, half + 0.01),
        (w - 0.16, 2.45, half - 0.19),
        (-w + 0.16, 2.45, half - 0.19),
    )
    s.box("cargo", (-w - 0.03, w + 0.03), (0.95, 3.35), (-half, cab - 0.15))
    s.box("frame", (-0.9, 0.9), (0.55, 0.95), (-half + 0.1, cab))
    for side in (-1, 1):
        x = side * (w + 0.04)
        s.side("stripe", x, [(-half + 0.4, 1.6), (cab - 0.6, 1.6), (cab - 0.6, 2.3), (-half + 0.4, 2.3)])
        s.side("dark", x, [(-half, 0.95), (cab - 0.15, 0.95), (cab - 0.15, 1.05), (-half, 1.05)])
        window = [(cab + 0.55, 1.6), (half - 0.30, 1.6), (half - 0.42, 2.35), (cab + 0.55, 2.35)]
        s.side("glass", side * (w - 0.01), window)
        for z in (-half + 1.1, -half + 2.1, half - 1.0) if length > 7.5 else (-half + 1.3, half - 0.95):
            _wheel(s, side, w - 0.02, z, 0.47)
        outer = sorted((side * (w - 0.05), side * (w - 0.40)))
        s.upright("head", half + 0.012, (outer[0], outer[1]), (0.70, 0.98))
        s.upright("tail", -half - 0.03, (outer[0], outer[1]), (0.62, 0.86))
    back = -half - 0.012
    s.upright("seam", back, (-0.02, 0.02), (1.05, 3.30))
    for edge in ((-w - 0.02, -w + 0.06), (w - 0.06, w + 0.02)):
        s.upright("frame", back, edge, (0.95, 3.35))
    s.upright("frame", back - 0.004, (-w, w), (0.93, 1.08))
    s.upright("dark", back, (-w, w), (0.50, 0.62))
    s.upright("plate", back - 0.01, (-0.26, 0.26), (0.66, 0.80))
    s.upright("grille", half + 0.012, (-0.75, 0.75), (0.75, 1.35))
    s.upright("plate", half + 0.014, (-0.26, 0.26), (0.52, 0.66))
    return s.model()
