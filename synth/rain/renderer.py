"""Render rain: an image, parameters and a key go in, the rainy image and its layers come out.

``render`` is pure: equal arguments give equal bytes on every machine, in every order, with any number of workers.
The appearance is purely photometric, so labels stay valid.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from bench.contract import FloatArray, Image, Parameter, Parameters
from bench.errors import ImageError, UserError
from synth.rain.blend import blend, linear_of
from synth.rain.grid import enlarge
from synth.rain.keyed_random import Draw, draw, rounded, rounded_number
from synth.rain.lens import add_drops
from synth.rain.parameters import RainParameters
from synth.rain.presets import preset
from synth.rain.streaks import Plane, Streaks, opacity_table, splat, streaks_of
from synth.rain.veil import Air, air_of, transmission

Floats32 = npt.NDArray[np.float32]

VERSION = "1"
"""Raised by hand whenever equal arguments give other bytes than before; see CONTRIBUTING.md."""


@dataclass(frozen=True)
class Layers:
    """Layers of one image's rain: rainy = (clean * T + air) * (1 - opacity) + opacity * light, at occlusion 1.

    Values are in the space of blending (sRGB values or linear light), scaled to [0, 1]. What varies slowly is kept as
    small grids; the properties make (H, W, ...) layers of them.

    Attributes:
        thickness: (H, W) uint16, optical thickness of the streaks.
        opacity_table: (N,) float32, their opacity for every thickness, in [0, 1).
        transmission_grid: (h, w), T of the veil, in (0, 1].
        air_grid: (h, w, 3), light that the veil adds, A * (1 - T).
        light_grid: (h, w, 3), brightness of a streak at each place.
        lens: (H, W) float32, share of each pixel seen through a drop on the lens, or None without such drops.
    """

    thickness: Plane
    opacity_table: Floats32
    transmission_grid: FloatArray
    air_grid: FloatArray
    light_grid: FloatArray
    lens: Floats32 | None = None

    @property
    def opacity(self) -> Floats32:
        """(H, W) float32, opacity of the streaks, in [0, 1)."""
        return self.opacity_table[self.thickness]

    @property
    def transmission(self) -> Floats32:
        """(H, W) float32, T of the veil."""
        return enlarge(self.transmission_grid, self._size)

    @property
    def air(self) -> Floats32:
        """(H, W, 3) float32, light that the veil adds."""
        return enlarge(self.air_grid, self._size)

    @property
    def light(self) -> Floats32:
        """(H, W, 3) float32, brightness of a streak."""
        return enlarge(self.light_grid, self._size)

    @property
    def _size(self) -> tuple[int, int]:
        return self.thickness.shape[0], self.thickness.shape[1]


@dataclass(frozen=True)
class Rain:
    """One rainy image, and what was drawn for it.

    Attributes:
        rainy: (H, W, 3) uint8 RGB.
        record: What the manifest keeps of it: key, severity, and what was drawn for this image. The key, the
            severity and the renderer's parameters are enough to make the same image again.
        layers: The parts, where the renderer knows them.
    """

    rainy: Image
    record: Mapping[str, Parameter] = field(default_factory=dict)
    layers: Layers | None = None


class Renderer(Protocol):
    """Rain on one image at a time; picklable, so that workers can be given one."""

    @property
    def version(self) -> str:
        """Text such as ``"1"``, raised by hand whenever equal arguments give other bytes because code changed."""
        ...

    @property
    def fingerprint(self) -> str:
        """Text that changes whenever the bytes could: name, version, parameters."""
        ...

    def __call__(self, image: Image, /, key: str, severity: float = 1.0, depth: FloatArray | None = None) -> Rain:
        """Render rain on one image.

        Args:
            image: (H, W, 3) uint8 RGB.
            key: Names the randomness: dataset, image id and seed in one text. Never a global state.
            severity: 1 is the preset's strength; 0 is no rain at all.
            depth: (H, W) float64, metres from the camera; infinite for the sky. None: a street scene's prior.

        Raises:
            ImageError: This image cannot be rained on.
        """
        ...


@dataclass(frozen=True)
class Scene:
    """Everything about one image's rain that does not depend on the two gains.

    Attributes:
        drawn: What was drawn for the image as a whole.
        streaks: The streaks.
        air: Veil and light.
        key: The image's key.
        severity: Its severity.
        strength: Factor of both gains that follows from the severity and the draw.
    """

    drawn: Draw
    streaks: Streaks
    air: Air
    key: str
    severity: float
    strength: float


def render(
    image: Image,
    parameters: RainParameters,
    key: str,
    severity: float = 1.0,
    depth: FloatArray | None = None,
) -> Rain:
    """Render rain on one image.

    Args:
        image: (H, W, 3) uint8 RGB.
        parameters: The rain.
        key: Names this image's randomness.
        severity: 1 is the strength as calibrated; 0 none. Strength grows with its power 0.75, counts with 0.5.
        depth: (H, W) metres from the camera, infinite for the sky; None uses a street scene's prior.

    Raises:
        ImageError: The image is no uint8 RGB, or the depth map has another size.
        UserError: The severity is negative or not finite.
    """
    scene = arrange(image, parameters, key, severity, depth)
    return finish(image, scene, splat(scene.streaks, parameters, (image.shape[0], image.shape[1])), parameters)


def arrange(
    image: Image, parameters: RainParameters, key: str, severity: float, depth: FloatArray | None = None
) -> Scene:
    """Draw the streaks' attributes and look at the photograph: the first part of :func:`render`."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise ImageError(f"expected an image of shape (H, W, 3) and type uint8, got {image.shape} {image.dtype}")
    if not 0 <= severity <= 10:
        raise UserError(f"severity: expected a number from 0 to 10, got {severity!r}")
    seed = _seed(key)
    drawn = draw(parameters, seed)
    return Scene(
        drawn=drawn,
        streaks=streaks_of(parameters, drawn, seed, severity, (image.shape[0], image.shape[1])),
        air=air_of(image, parameters, drawn, seed, depth),
        key=key,
        severity=severity,
        strength=rounded_number(drawn.strength * severity**0.75),
    )


def finish(image: Image, scene: Scene, thickness: Plane, parameters: RainParameters) -> Rain:
    """Apply the gains to the streaks' thickness and the veil, and blend: the last part of :func:`render`."""
    layers = layers_of(scene, thickness, parameters)
    veil = layers.transmission_grid, layers.air_grid, layers.light_grid
    linear = parameters.space == "linear"
    rainy = blend(image, thickness, layers.opacity_table, veil, parameters.occlusion, linear)
    return complete(rainy, scene, layers, parameters)


def layers_of(scene: Scene, thickness: Plane, parameters: RainParameters) -> Layers:
    """Apply the gains to the streaks' thickness and the veil of a scene."""
    p, air = parameters, scene.air
    table = opacity_table(p.brightness * scene.strength * scene.drawn.streak_strength, p.opacity_max)
    through = transmission(air.depth, p.veil * scene.strength * scene.drawn.veil_strength)
    linear = p.space == "linear"
    airlight, light = (linear_of(grid) if linear else grid for grid in (air.airlight, air.light))
    return Layers(thickness, table, through, rounded(airlight * (1.0 - through[..., None])), light)


def complete(rainy: Image, scene: Scene, layers: Layers, parameters: RainParameters) -> Rain:
    """Put drops on the lens, compress, and write down what was drawn."""
    rainy, lens, drops = add_drops(rainy, parameters, _seed(scene.key), scene.severity)
    if parameters.jpeg_quality:
        rainy = through_jpeg(rainy, parameters.jpeg_quality)
    through = layers.transmission_grid
    record: dict[str, Parameter] = {
        "key": scene.key,
        "severity": scene.severity,
        "streaks": len(scene.streaks.top),
        "lens_drops": drops,
        "angle_degrees": scene.drawn.angle,
        "gust_degrees": scene.drawn.gust,
        "strength": scene.strength,
        "night": scene.air.night,
        "mean_transmission": float(np.round(through.sum() / through.size, 4)),
    }
    return Rain(rainy, record, replace(layers, lens=lens))


def through_jpeg(image: Image, quality: int) -> Image:
    """Compress and decompress one image like a camera (4:2:0). Another libjpeg may differ by a grey value or two."""
    file = io.BytesIO()
    Pillow.fromarray(image).save(file, format="JPEG", quality=quality, subsampling=2)
    with Pillow.open(file, formats=["JPEG"]) as picture:
        return np.asarray(picture.convert("RGB"), dtype=np.uint8)


def _seed(key: str) -> str:
    return f"rain|{VERSION}|{key}"


@dataclass(frozen=True)
class StreakRenderer:
    """The built-in renderer as a :class:`Renderer`: streaks, veil, light, drops on the lens."""

    parameters: RainParameters
    version: str = VERSION

    @property
    def fingerprint(self) -> str:
        """Name, version and every parameter."""
        return f"streaks {self.version} {self.parameters.text()}"

    def __call__(self, image: Image, /, key: str, severity: float = 1.0, depth: FloatArray | None = None) -> Rain:
        """Render rain on one image; see :class:`Renderer`."""
        return render(image, self.parameters, key, severity, depth)


def build(parameters: Parameters) -> Renderer:
    """Make the built-in renderer: ``preset`` (default ``coco350_y``) with any of its parameters replaced.

    Raises:
        UserError: An unknown preset or parameter, or a value out of range.
    """
    changes = dict(parameters)
    name = changes.pop("preset", "coco350_y")
    if not isinstance(name, str):
        raise UserError(f"rain parameter preset: expected a name, got {name!r}")
    return StreakRenderer(preset(name).with_changes(changes))
