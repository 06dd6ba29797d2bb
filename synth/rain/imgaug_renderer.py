"""Render rain by imgaug's ``Rain``: a second opinion, without veil, night, layers or calibration.

Its bytes follow from the key and the versions of imgaug, OpenCV and NumPy; they are not promised across machines.
"""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version

import numpy as np

from bench.contract import FloatArray, Image, Parameters
from bench.errors import ImageError, UserError, did_you_mean
from bench.io.files import key_of
from synth.rain.imgaug_import import import_imgaug
from synth.rain.renderer import Rain

VERSION = "1"
"""Raised by hand whenever equal arguments give other bytes with the same libraries; see CONTRIBUTING.md."""

_LEAST_SIDE = 16  # pixels; imgaug fails on smaller images


@dataclass(frozen=True)
class ImgaugRenderer:
    """The arguments of ``imgaug.augmenters.Rain``; the defaults are imgaug's own.

    Attributes:
        layers_min: Fewest layers of rain.
        layers_max: Most layers of rain.
        drop_size_min: Least size of drops, from 0 to 1.
        drop_size_max: Greatest size of drops, from 0 to 1.
        speed_min: Least length of streaks, from 0 to 1.
        speed_max: Greatest length of streaks, from 0 to 1.
    """

    layers_min: int = 1
    layers_max: int = 3
    drop_size_min: float = 0.01
    drop_size_max: float = 0.02
    speed_min: float = 0.04
    speed_max: float = 0.20

    def __post_init__(self) -> None:
        for name in ("layers", "drop_size", "speed"):
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            most = 10 if name == "layers" else 1
            if not (isinstance(low, int | float) and isinstance(high, int | float) and 0 < low <= high <= most):
                raise UserError(f"imgaug rain: expected 0 < {name}_min <= {name}_max <= {most}, got {low!r}, {high!r}")

    @property
    def version(self) -> str:
        """Version of this renderer's own code."""
        return VERSION

    @property
    def fingerprint(self) -> str:
        """Name the arguments, and the versions of the libraries that draw."""
        opencv = importlib.import_module("cv2").__version__
        libraries = f"(imgaug {version('imgaug')}, numpy {version('numpy')}, opencv {opencv})"
        return f"imgaug {VERSION} {libraries} {key_of(asdict(self))}"

    def __call__(self, image: Image, /, key: str, severity: float = 1.0, depth: FloatArray | None = None) -> Rain:
        """Render rain on one image; see :class:`synth.rain.renderer.Renderer`.

        Args:
            image: (H, W, 3) uint8 RGB.
            key: Names the randomness.
            severity: Share of imgaug's change of the image; above 1 exaggerates it.
            depth: Not used.

        Raises:
            ImageError: The image is smaller than 16 pixels.
        """
        if min(image.shape[:2]) < _LEAST_SIDE:
            raise ImageError(f"imgaug rain: expected at least {_LEAST_SIDE} pixels a side, got {image.shape[:2]}")
        rain = import_imgaug().Rain(
            nb_iterations=(int(self.layers_min), int(self.layers_max)),
            drop_size=(self.drop_size_min, self.drop_size_max),
            speed=(self.speed_min, self.speed_max),
        )
        rain.seed_(int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") % 2**31)
        drawn = rain(image=np.array(image))
        mixed = image + (drawn.astype(np.float64) - image) * severity
        rainy = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
        return Rain(rainy, {"key": key, "severity": severity})


def build(parameters: Parameters) -> ImgaugRenderer:
    """Make imgaug's rain with some of its arguments replaced.

    Raises:
        MissingExtraError: imgaug is not installed.
        UserError: An argument is unknown or out of range.
    """
    import_imgaug()
    known = asdict(ImgaugRenderer())
    for name in parameters:
        if name not in known:
            raise UserError(f"imgaug rain: unknown parameter {name!r}. {did_you_mean(name, known)}")
    return replace(ImgaugRenderer(), **dict(parameters))  # type: ignore[arg-type]  # __post_init__ checks
