"""Compute the veil, made by rain too far away to be seen as streaks, and the light on the streaks.

rainy = clean * T + A * (1 - T), with T = exp(-gain * optical depth) (Koschmieder, 1924). The optical depth grows
with the distance: from a depth map where there is one, else from the horizon of a street scene.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.contract import FloatArray, Image
from bench.errors import ImageError
from synth.rain.grid import CELL, blur, grid_shape, lattice_noise, shrink
from synth.rain.keyed_random import Draw, rounded, rounded_number, uniforms
from synth.rain.parameters import RainParameters
from synth.rain.streaks import scale_of

_LUMA = (0.299, 0.587, 0.114)
_NIGHT_MEAN, _NIGHT_RANGE = 0.30, 0.14  # mean luma at which dusk begins, and how much darker night is
_LIGHT_OF = {"day": 0.0, "dusk": 0.5, "night": 1.0}
_TYPICAL_GAP = 0.40  # mean distance between a photograph and its airlight
_LEAST_GAP = 0.08


@dataclass(frozen=True)
class Air:
    """Light and distance of one image on the small grid; independent of both gains.

    Attributes:
        depth: (h, w) optical depth of the veil at gain 1.
        airlight: (h, w, 3) colour that the veil tends to, sRGB in [0, 1].
        light: (h, w, 3) colour of a streak, sRGB in [0, 1].
        night: How much of a night it is, in [0, 1].
    """

    depth: FloatArray
    airlight: FloatArray
    light: FloatArray
    night: float


def air_of(image: Image, parameters: RainParameters, drawn: Draw, key: str, depth: FloatArray | None) -> Air:
    """Estimate airlight, lamps and distances of one photograph.

    Raises:
        ImageError: The depth map has another size than the image.
    """
    p, size = parameters, image.shape[:2]
    nodes = scale_of((size[0], size[1])) / CELL
    scene = shrink(image)
    luma = rounded(scene @ np.array(_LUMA))
    night = _night(p.light, float(luma.sum() / luma.size))
    lamps = 1.0 - night + night * (p.night_floor + p.night_gain * _glow(scene, nodes))
    surroundings = blur(0.5 * (scene + luma[..., None]), 0.12 * nodes)
    light = (1.0 - p.environment) * p.streak_level + p.environment * np.minimum(1.3 * surroundings, 1.0)
    sky = p.airlight_from_image * _brightest(scene, luma) + (1.0 - p.airlight_from_image) * p.airlight
    airlight = rounded(np.minimum(sky * lamps * (1.0 - p.night_air_loss * night), 1.0))
    gap = float(np.abs(airlight - scene).sum() / scene.size)
    adaptation = (_TYPICAL_GAP / max(gap, _LEAST_GAP)) ** p.veil_adaptation
    noise = lattice_noise(uniforms(key, "veil", 24 * 24), luma.shape, 0.22 * nodes)
    far = _distance(p, drawn, (size[0], size[1]), depth)
    even = p.veil_floor + (1.0 - p.veil_floor) * far
    return Air(
        depth=rounded(adaptation * even * (1.0 + p.veil_noise * noise)),
        airlight=airlight,
        light=rounded(np.minimum(light * lamps, 1.0)),
        night=night,
    )


def transmission(depth: FloatArray, gain: float) -> FloatArray:
    """Compute the share of the scene's light that passes the veil, in (0, 1]."""
    return rounded(np.exp(-gain * depth))


def _night(light: str, mean: float) -> float:
    if light != "auto":
        return _LIGHT_OF[light]
    dark = min(max((_NIGHT_MEAN - mean) / _NIGHT_RANGE, 0.0), 1.0)
    return rounded_number(dark * dark * (3.0 - 2.0 * dark))


def _glow(scene: FloatArray, nodes: float) -> FloatArray:
    """Compute the light that lamps and bright windows shed on the rain around them, in their colours."""
    bright = np.clip((scene.max(axis=2, keepdims=True) - 0.45) / 0.4, 0.0, 1.0)
    lamps = rounded(scene * bright * bright)
    return 0.6 * blur(lamps, 0.035 * nodes) + 0.8 * blur(lamps, 0.12 * nodes)


def _brightest(scene: FloatArray, luma: FloatArray) -> FloatArray:
    """Average the brightest 7 % of the picture, half of its colour taken out: an estimate of the sky's light."""
    count = max(1, round(0.07 * luma.size))
    order = np.argsort(luma, axis=None, kind="stable")[-count:]
    colour = scene.reshape(-1, 3)[order].sum(axis=0) / count
    return rounded(0.5 * colour + 0.5 * colour.sum() / 3.0)


def _distance(p: RainParameters, drawn: Draw, size: tuple[int, int], depth: FloatArray | None) -> FloatArray:
    """Estimate distance in [0, 1] on the grid; 1 is the sky. The prior stands in for unknown depth (NaN, <= 0)."""
    shape = grid_shape(size)
    down = (np.arange(shape[0]) + 0.5) / shape[0]
    ground = np.clip((down - drawn.horizon) / (1.0 - drawn.horizon), 0.0, 1.0)
    prior = np.broadcast_to((1.0 - ground**0.8)[:, None], shape)
    if depth is None:
        return rounded(prior)
    if depth.shape != size:
        raise ImageError(f"depth map: expected {size[1]}x{size[0]} as the image, got shape {depth.shape}")
    rows = (2 * np.arange(shape[0]) + 1) * size[0] // (2 * shape[0])
    columns = (2 * np.arange(shape[1]) + 1) * size[1] // (2 * shape[1])
    metres = depth[np.ix_(rows, columns)].astype(np.float64)
    known = metres > 0  # false for NaN
    far = 1.0 - p.depth_reach / (np.where(known, metres, 1.0) + p.depth_reach)
    return rounded(np.where(known, far, prior))
