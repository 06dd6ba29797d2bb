"""Define the parameters of rain: one frozen record of plain numbers, checked when it is made.

Lengths and widths are fractions of the image scale S = sqrt(0.75 * width * height), which is 480 pixels for
640x480, so that one set of parameters looks alike at every resolution and orientation.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields, replace

from bench.contract import Parameters
from bench.errors import UserError, did_you_mean

SPACES = ("srgb", "linear")
LIGHTS = ("auto", "day", "dusk", "night")


@dataclass(frozen=True)
class RainParameters:
    """Parameters of the rain of one dataset; what differs between its images is drawn from the image's key.

    Attributes:
        brightness: Gain of the streaks; one of the two numbers that calibration sets.
        veil: Gain of the veil, the rain too far away to be seen as streaks; the other one.
        density: Streaks per S x S pixels at severity 1.
        length: Length of a streak of a mean drop at the nearest distance, in S.
        width: Width of the same streak, in S.
        rain_rate: Millimetres per hour; sets the drop sizes (Marshall and Palmer, 1948).
        depth_exponent: Closeness c of streaks is distributed as c ** -depth_exponent; 4 fills a frustum evenly.
        closeness_min: Closeness of the farthest streaks drawn one by one; the nearest have 1.
        length_variation: Half width of the uniform spread of lengths, as a ratio.
        closeness_brightness: Brightness of a streak grows as closeness ** closeness_brightness.
        brightness_spread: Half width of the triangular spread of brightness among streaks, octaves: many are
            faint, few are bright.
        flicker: Depth of the modulation along a streak by the drop's oscillation, in [0, 1].
        taper: Part of a streak, from either end, over which it fades; in (0, 0.5].
        angle: Mean direction of fall, degrees from vertical; positive leans to the right going down.
        angle_spread: Half width of the triangular spread of an image's direction, degrees.
        angle_jitter: The same among the streaks of one image, degrees.
        perspective: Streaks fan out by this angle at the left and right edges, degrees.
        gust_probability: Share of the images with a second direction of wind.
        gust_share: Share of the streaks that a gust bends.
        gust_min: Least bend of a gust, degrees.
        gust_max: Greatest bend of a gust, degrees.
        opacity_max: Upper bound of the streaks' opacity, in (0, 1): objects stay visible.
        occlusion: 1 lets streaks hide the scene, 0 adds light only.
        veil_floor: Veil of the nearest ground relative to that of the sky.
        veil_noise: Unevenness of the veil, as a ratio.
        veil_adaptation: How far the veil is evened out between pale and dark images, in [0, 1].
        horizon: Height of the horizon without a depth map, as a part of the image height from the top.
        horizon_spread: Half width of its uniform spread.
        depth_reach: Distance at which the veil has half the strength of the sky's, metres.
        airlight: Brightness of a neutral sky's light in the veil, in [0, 1].
        airlight_from_image: Part of the veil's colour taken from the image's brightest regions, in [0, 1].
        streak_level: Brightness of a streak under a neutral sky, in [0, 1].
        environment: Part of a streak's light taken from its surroundings in the image, in [0, 1].
        light: ``auto`` (by the image's brightness), ``day``, ``dusk`` or ``night``.
        night_floor: Light left on night rain away from every lamp, in [0, 1].
        night_gain: How strongly lamps light the rain around them.
        night_air_loss: Part of the veil's light that goes missing at night, in [0, 1].
        strength_spread: Half width of the spread of the rain's strength between images, as a ratio.
        count_spread: Spread of streak counts and lengths between images, octaves.
        veil_spread: Half width of the spread of the veil's and streaks' balance between images, as a ratio.
        space: Blending in ``srgb`` values, as painted rain is, or in ``linear`` light, as a camera does.
        lens_drops: Mean number of drops on the lens of an image at severity 1.
        lens_drop_radius: Median radius of such a drop, in S.
        jpeg_quality: Quality of a final JPEG round trip, 1 to 100; 0 for none.
    """

    brightness: float = 1.0
    veil: float = 0.6
    density: float = 7000.0
    length: float = 0.32
    width: float = 0.0045
    rain_rate: float = 30.0
    depth_exponent: float = 3.3
    closeness_min: float = 0.09
    length_variation: float = 0.25
    closeness_brightness: float = 0.0
    brightness_spread: float = 2.5
    flicker: float = 0.35
    taper: float = 0.35
    angle: float = 0.0
    angle_spread: float = 30.0
    angle_jitter: float = 3.0
    perspective: float = 6.0
    gust_probability: float = 0.25
    gust_share: float = 0.3
    gust_min: float = 8.0
    gust_max: float = 22.0
    opacity_max: float = 0.8
    occlusion: float = 1.0
    veil_floor: float = 0.35
    veil_noise: float = 0.25
    veil_adaptation: float = 0.7
    horizon: float = 0.45
    horizon_spread: float = 0.06
    depth_reach: float = 40.0
    airlight: float = 0.86
    airlight_from_image: float = 0.4
    streak_level: float = 0.95
    environment: float = 0.25
    light: str = "auto"
    night_floor: float = 0.42
    night_gain: float = 1.6
    night_air_loss: float = 0.35
    strength_spread: float = 0.35
    count_spread: float = 1.2
    veil_spread: float = 0.3
    space: str = "srgb"
    lens_drops: float = 0.0
    lens_drop_radius: float = 0.02
    jpeg_quality: int = 0

    def __post_init__(self) -> None:
        for name, words in (("space", SPACES), ("light", LIGHTS)):
            value = getattr(self, name)
            if value not in words:
                raise UserError(f"rain parameter {name}: expected {' or '.join(words)}, got {value!r}")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if not number or not low <= value <= high:
                raise UserError(f"rain parameter {name}: expected a number from {low:g} to {high:g}, got {value!r}")
        if not isinstance(self.jpeg_quality, int):
            raise UserError(f"rain parameter jpeg_quality: expected a whole number, got {self.jpeg_quality!r}")
        if self.gust_min > self.gust_max:
            raise UserError(f"rain parameter gust_min: {self.gust_min:g} is above gust_max {self.gust_max:g}")

    def with_changes(self, changes: Parameters) -> RainParameters:
        """Replace some of the parameters by name.

        Raises:
            UserError: A name is unknown (the nearest are given) or a value is out of range.
        """
        known = {field.name for field in fields(self)}
        for name in changes:
            if name not in known:
                raise UserError(f"unknown rain parameter {name!r}. {did_you_mean(name, sorted(known))}")
        floats = {name: _as_declared(value) for name, value in changes.items()}
        return replace(self, **floats)  # type: ignore[arg-type]  # __post_init__ checks what mypy cannot

    def text(self) -> str:
        """Write all parameters as one line of JSON with sorted keys: equal parameters give equal text."""
        return json.dumps({name: _as_declared(value) for name, value in asdict(self).items()}, sort_keys=True)


def _as_declared(value: object) -> object:
    """Convert whole numbers to int: 30 and 30.0 are one parameter and give one text."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


_RANGES: dict[str, tuple[float, float]] = {
    "brightness": (0, 100),
    "veil": (0, 100),
    "density": (0, 100_000),
    "length": (0.001, 2),
    "width": (0.0001, 0.1),
    "rain_rate": (0.1, 300),
    "depth_exponent": (1.01, 8),
    "closeness_min": (0.02, 0.9),
    "length_variation": (0, 0.95),
    "closeness_brightness": (0, 2),
    "brightness_spread": (0, 6),
    "flicker": (0, 1),
    "taper": (0.01, 0.5),
    "angle": (-45, 45),
    "angle_spread": (0, 60),
    "angle_jitter": (0, 30),
    "perspective": (-30, 30),
    "gust_probability": (0, 1),
    "gust_share": (0, 1),
    "gust_min": (0, 45),
    "gust_max": (0, 45),
    "opacity_max": (0.01, 0.99),
    "occlusion": (0, 1),
    "veil_floor": (0, 1),
    "veil_noise": (0, 1),
    "veil_adaptation": (0, 1),
    "horizon": (0, 0.95),
    "horizon_spread": (0, 0.5),
    "depth_reach": (0.1, 10_000),
    "airlight": (0, 1),
    "airlight_from_image": (0, 1),
    "streak_level": (0, 1),
    "environment": (0, 1),
    "night_floor": (0, 1),
    "night_gain": (0, 20),
    "night_air_loss": (0, 1),
    "strength_spread": (0, 0.95),
    "count_spread": (0, 4),
    "veil_spread": (0, 0.95),
    "lens_drops": (0, 500),
    "lens_drop_radius": (0.002, 0.2),
    "jpeg_quality": (0, 100),
}
