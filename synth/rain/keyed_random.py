"""Draw random numbers that follow from a key and a tag, never from an order or a global state.

NumPy promises the raw words of PCG64 for ever, but not what ``Generator`` makes of them (NEP 19), so the
distributions are made here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from bench.contract import FloatArray
from synth.rain.parameters import RainParameters

GRAIN = 65536.0
"""Grids and per-streak numbers are multiples of 1 / GRAIN.

Their sums, and the sums of their products, fit into a float64's 53 bits: they are exact in any order, whatever
vector unit or library adds them up, and the last bit of a system's ``exp`` or ``sin`` is rounded away.
"""


def rounded(values: FloatArray) -> FloatArray:
    """Round to multiples of 1 / GRAIN."""
    return np.rint(values * GRAIN) / GRAIN


def rounded_number(value: float) -> float:
    """Round one number to a multiple of 1 / GRAIN."""
    return float(round(value * GRAIN)) / GRAIN


def uniforms(key: str, tag: str, count: int) -> FloatArray:
    """Draw ``count`` numbers in [0, 1). A smaller count gives the beginning of a greater one's answer."""
    digest = hashlib.sha256(f"{key}|{tag}".encode()).digest()
    words = np.random.PCG64(int.from_bytes(digest[:16], "big")).random_raw(count)
    return np.asarray(words >> np.uint64(11), dtype=np.float64) * 2.0**-53


def triangular(uniform: FloatArray) -> FloatArray:
    """Turn uniforms in [0, 1) into the symmetric triangular distribution on [-1, 1]."""
    low = np.sqrt(2.0 * np.minimum(uniform, 0.5)) - 1.0
    return np.where(uniform < 0.5, low, 1.0 - np.sqrt(2.0 * (1.0 - np.maximum(uniform, 0.5))))


@dataclass(frozen=True)
class Draw:
    """Random properties of one image's rain.

    Attributes:
        angle: Direction of fall, degrees from vertical.
        gust: Bend of the gust, degrees; 0 without one.
        strength: Factor of streaks and veil.
        streak_strength: Factor of the streaks alone.
        veil_strength: Factor of the veil alone.
        count: Factor of the number of streaks.
        length: Factor of their lengths.
        horizon: Height of the horizon, as a part of the image height from the top.
    """

    angle: float
    gust: float
    strength: float
    streak_strength: float
    veil_strength: float
    count: float
    length: float
    horizon: float


def draw(parameters: RainParameters, key: str) -> Draw:
    """Draw the random properties of one image's rain as a whole."""
    p = parameters
    u = uniforms(key, "image", 10)
    side = 1.0 if u[8] < 0.5 else -1.0
    gust = side * (p.gust_min + u[9] * (p.gust_max - p.gust_min)) if u[7] < p.gust_probability else 0.0
    values = np.array(
        [
            p.angle + p.angle_spread * triangular(u[:1])[0],
            gust,
            1.0 + p.strength_spread * (2.0 * u[1] - 1.0),
            1.0 + p.veil_spread * (2.0 * u[2] - 1.0),
            1.0 + p.veil_spread * (2.0 * u[3] - 1.0),
            2.0 ** (p.count_spread * (u[4] - 0.5)),
            2.0 ** (p.count_spread * (u[5] - 0.5)),
            min(max(p.horizon + p.horizon_spread * (2.0 * u[6] - 1.0), 0.0), 0.95),
        ]
    )
    return Draw(*rounded(values).tolist())
