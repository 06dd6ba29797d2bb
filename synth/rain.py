"""Rain: an image, parameters and a key go in, the rainy image and its layers come out.

``render`` is pure: equal arguments give equal bytes on every machine, in every order, with any number of workers.
The appearance is purely photometric, so labels stay valid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bench.contract import FloatArray, Image, Parameter, Parameters
from bench.errors import UserError
from synth.presets import preset
from synth.rain_parameters import RainParameters

VERSION = "1"
"""Changes whenever equal arguments give other bytes than before."""


@dataclass(frozen=True)
class Layers:
    """What the rain consists of: rainy = (clean * T + air) * (1 - opacity) + opacity * light, at occlusion 1.

    Attributes:
        opacity: (H, W) float32, streaks, in [0, 1).
        transmission: (H, W) float32, T of the veil, in (0, 1].
        air: (H, W, 3) float32, light that the veil adds, A * (1 - T), in [0, 1].
        light: (H, W, 3) float32, brightness of a streak at each place, in [0, 1].
        lens: (H, W) float32, share of each pixel seen through a drop on the lens, or None without such drops.
    """

    opacity: npt.NDArray[np.float32]
    transmission: npt.NDArray[np.float32]
    air: npt.NDArray[np.float32]
    light: npt.NDArray[np.float32]
    lens: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Rain:
    """One rainy image.

    Attributes:
        rainy: (H, W, 3) uint8 RGB.
        record: What the manifest keeps of it: key, severity, and what was drawn for this image. The key, the
            severity and the renderer's parameters are enough to make the same image again.
        layers: The parts, where the renderer knows them and was asked for them.
    """

    rainy: Image
    record: Mapping[str, Parameter] = field(default_factory=dict)
    layers: Layers | None = None


class Renderer(Protocol):
    """Anything that rains on an image; picklable, so that workers can be given one."""

    @property
    def fingerprint(self) -> str:
        """Text that changes whenever the bytes could: name, version, parameters."""
        ...

    def __call__(self, image: Image, /, key: str, severity: float = 1.0, depth: FloatArray | None = None) -> Rain:
        """Rain on one image.

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
class StreakRenderer:
    """The built-in renderer as a :class:`Renderer`: streaks, veil, light, drops on the lens."""

    parameters: RainParameters

    @property
    def fingerprint(self) -> str:
        """Name, version and every parameter."""
        return f"streaks {VERSION} {self.parameters.text()}"

    def __call__(self, image: Image, /, key: str, severity: float = 1.0, depth: FloatArray | None = None) -> Rain:
        """Rain on one image; see :class:`Renderer`."""
        return render(image, self.parameters, key, severity, depth)


def build(parameters: Parameters) -> Renderer:
    """The built-in renderer: ``preset`` (default ``coco350_y``) with any of its parameters replaced.

    Raises:
        UserError: An unknown preset or parameter, or a value out of range.
    """
    changes = dict(parameters)
    name = changes.pop("preset", "coco350_y")
    if not isinstance(name, str):
        raise UserError(f"rain parameter preset: expected a name, got {name!r}")
    return StreakRenderer(preset(name).with_changes(changes))
