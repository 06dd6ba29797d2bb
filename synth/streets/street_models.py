"""Model what stands in a street: trees, bushes, lamps, traffic lights, signs."""

from __future__ import annotations

from functools import cache, lru_cache

from synth.streets.dice import Dice
from synth.streets.solids import CIRCLE, Colour, Model, Sculptor

TREE_KINDS = 6
STREET: dict[str, Colour] = {
    "pole": (0.30, 0.31, 0.32),
    "lamp": (0.85, 0.83, 0.74),
    "housing": (0.06, 0.07, 0.065),
    "board": (0.10, 0.10, 0.10),
    "red": (0.22, 0.05, 0.05),
    "amber": (0.22, 0.16, 0.04),
    "green": (0.04, 0.20, 0.12),
    "white": (0.88, 0.88, 0.86),
    "signal": (0.76, 0.09, 0.10),
    "blue": (0.10, 0.26, 0.62),
    "yellow": (0.92, 0.76, 0.16),
    "black": (0.08, 0.08, 0.08),
    "guide": (0.08, 0.36, 0.26),
    "trunk": (0.20, 0.15, 0.11),
}
LIT: dict[str, Colour] = {"red": (1.0, 0.16, 0.10), "amber": (1.0, 0.72, 0.15), "green": (0.20, 1.0, 0.62)}
SIGNS = ("limit", "no entry", "give way", "warning", "crossing", "guide", "priority")
LEAVES: tuple[Colour, ...] = (
    (0.23, 0.34, 0.13),
    (0.17, 0.29, 0.14),
    (0.32, 0.38, 0.15),
    (0.42, 0.34, 0.13),
    (0.26, 0.33, 0.19),
)


def foliage(base: Colour) -> dict[str, Colour]:
    """Draw five shades of leaves, from the shaded underside to the sunny top, and bark."""
    shades = {f"leaf{i}": tuple(part * (0.52 + 0.17 * i) for part in base) for i in range(5)}
    return {"trunk": STREET["trunk"]} | {slot: (c[0], c[1], c[2]) for slot, c in shades.items()}


def _crown(s: Sculptor, dice: Dice, centre: tuple[float, float], size: tuple[float, float, float], blobs: int) -> None:
    """Add clumps of leaves in an ellipsoid: dark ones behind and below, light ones before and above."""
    for blob in range(blobs):
        while True:
            x, y, z = (dice.between(-1, 1) for _ in range(3))
            if x * x + y * y + z * z < 1:
                break
        radius = dice.between(0.26, 0.42) * min(size[0], size[1])
        shade = min(4, max(0, int(2.1 + 1.5 * y - 0.7 * x - 0.8 * z + dice.between(-0.7, 0.7))))
        if blob < 3:
            x, y, z, radius, shade = x * 0.3, y * 0.3, 0.5, 0.72 * min(size[0], size[1]), 1
        corners = []
        for c, v in CIRCLE:
            far = radius * dice.between(0.82, 1.08)
            corners.append(
                (centre[0] + x * size[0] * 0.8 + far * c, centre[1] + y * size[1] * 0.8 + far * v, z * size[2])
            )
        s.face(f"leaf{shade}", *corners)


@cache
def tree(kind: int) -> Model:
    """Model a tree about 7 m tall, turned to the camera; ``kind`` is 0 .. TREE_KINDS - 1."""
    s, dice = Sculptor(), Dice(31, kind)
    slim = kind % 3 == 2
    bole = dice.between(2.0, 2.8)
    s.limb("trunk", 0.02, [(0.0, 0.0), (0.05, bole), (0.0, 4.6)], [0.34, 0.24, 0.10])
    for side in (-1, 1):
        s.limb("trunk", 0.01, [(0.02, bole - 0.3), (side * 0.8, bole + 1.3)], [0.15, 0.08])
    if slim:
        _crown(s, dice, (0.0, 4.6), (1.35, 2.9, 1.0), 26)
    else:
        _crown(s, dice, (0.0, 4.7), (2.4, 2.1, 1.6), 30)
    return s.model()


@cache
def bush(kind: int) -> Model:
    """Model a bush about 1.2 m tall; ``kind`` is 0 .. 3."""
    s, dice = Sculptor(), Dice(37, kind)
    _crown(s, dice, (0.0, 0.55), (0.85, 0.62, 0.5), 12)
    return s.model()


@lru_cache(maxsize=2)  # sizes differ from scene to scene: all of them would fill the memory
def lamp_post(height: float, reach: float) -> tuple[Model, Model]:
    """Model a street lamp; ``reach`` is how far it leans to the right (negative: left), metres."""
    s, head = Sculptor(), Sculptor()
    s.limb("pole", 0.0, [(0.0, 0.0), (0.0, height)], [0.17, 0.11])
    s.limb("pole", 0.0, [(0.0, height), (reach * 0.5, height + 0.35), (reach, height + 0.4)], [0.10, 0.09, 0.08])
    ends = sorted((reach, reach * 1.45))
    head.box("pole", (ends[0], ends[1]), (height + 0.36, height + 0.48), (-0.14, 0.14))
    head.box("lamp", (ends[0] + 0.04, ends[1] - 0.04), (height + 0.28, height + 0.36), (-0.12, 0.12))
    return s.model(), head.model()


@cache
def pole(height: float) -> Model:
    """Model a bare pole."""
    s = Sculptor()
    s.limb("pole", 0.0, [(0.0, 0.0), (0.0, height)], [0.11, 0.10])
    return s.model()


@lru_cache(maxsize=2)
def gantry(height: float, reach: float) -> Model:
    """Model a pole whose arm reaches over the road, to the right if ``reach`` is positive."""
    s = Sculptor()
    s.limb("pole", 0.0, [(0.0, 0.0), (0.0, height)], [0.20, 0.16])
    s.limb("pole", 0.0, [(0.0, height - 0.1), (reach, height + 0.1)], [0.14, 0.09])
    return s.model()


@lru_cache(maxsize=2)
def signal_head(x: float, y: float) -> Model:
    """Model a traffic light's housing with three lamps, its middle at (x, y), facing the camera."""
    s = Sculptor()
    s.upright("board", 0.0, (x - 0.24, x + 0.24), (y - 0.56, y + 0.56))
    s.box("housing", (x - 0.17, x + 0.17), (y - 0.50, y + 0.50), (-0.22, -0.02))
    for slot, up in (("red", 0.32), ("amber", 0.0), ("green", -0.32)):
        s.disc(slot, x, y + up, -0.25, 0.125, "z")
        s.face("housing", *[(x + 0.15 * c, y + up + 0.15 * v, -0.245) for c, v in CIRCLE])
    return s.model()


@cache
def signal_back(x: float, y: float) -> Model:
    """Model a traffic light seen from behind: for the other direction of travel."""
    s = Sculptor()
    s.box("housing", (x - 0.17, x + 0.17), (y - 0.50, y + 0.50), (-0.1, 0.1))
    return s.model()


@cache
def sign(kind: str, y: float) -> Model:
    """Model a traffic sign, its middle at height y, facing the camera; ``kind`` is one of SIGNS."""
    s = Sculptor()
    match kind:
        case "limit" | "no entry":
            _round_sign(s, kind, y)
        case "give way" | "warning":
            _triangle(s, 1 if kind == "warning" else -1, y)
        case "priority":
            for slot, r, z in (("white", 0.42, 0.0), ("yellow", 0.30, -0.01)):
                s.face(slot, (-r, y, z), (0.0, y - r, z), (r, y, z), (0.0, y + r, z))
        case "crossing":
            s.upright("blue", 0.0, (-0.34, 0.34), (y - 0.34, y + 0.34))
            s.face("white", (-0.24, y - 0.22, -0.01), (0.24, y - 0.22, -0.01), (0.0, y + 0.24, -0.01))
            s.upright("black", -0.02, (-0.03, 0.03), (y - 0.18, y + 0.08))
        case _:
            _guide(s, y)
    return s.model()


def _round_sign(s: Sculptor, kind: str, y: float) -> None:
    s.disc("signal", 0.0, y, 0.0, 0.34, "z")
    if kind == "no entry":
        s.upright("white", -0.01, (-0.23, 0.23), (y - 0.065, y + 0.065))
        return
    s.disc("white", 0.0, y, -0.01, 0.25, "z")
    for left in (-0.14, 0.02):
        s.upright("black", -0.02, (left, left + 0.04), (y if left < 0 else y - 0.12, y + 0.12))
        s.upright("black", -0.02, (left + 0.08, left + 0.12), (y - 0.12, y if left < 0 else y + 0.12))
        s.upright("black", -0.02, (left, left + 0.12), (y - 0.12, y - 0.08))
        s.upright("black", -0.02, (left, left + 0.12), (y + 0.08, y + 0.12))
    s.upright("black", -0.02, (-0.14, -0.02), (y - 0.02, y + 0.02))


def _triangle(s: Sculptor, up: int, y: float) -> None:
    for slot, r, z in (("signal", 0.42, 0.0), ("white", 0.27, -0.01)):
        s.face(slot, (-r, y - up * r * 0.58, z), (r, y - up * r * 0.58, z), (0.0, y + up * r * 1.15, z))
    if up > 0:
        s.upright("black", -0.02, (-0.03, 0.03), (y - 0.10, y + 0.16))


def _guide(s: Sculptor, y: float) -> None:
    s.upright("white", 0.0, (-0.85, 0.85), (y - 0.42, y + 0.42))
    s.upright("guide", -0.01, (-0.80, 0.80), (y - 0.37, y + 0.37))
    for row, (left, right) in enumerate(((-0.68, 0.35), (-0.68, 0.10))):
        s.upright("white", -0.02, (left, right), (y + 0.08 - 0.30 * row, y + 0.18 - 0.30 * row))
    s.face("white", (0.48, y - 0.10, -0.02), (0.70, y - 0.10, -0.02), (0.59, y + 0.24, -0.02))
