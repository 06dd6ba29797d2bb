"""How fast rain is rendered, beside imgaug and albumentations where they are installed, in one run."""

from __future__ import annotations

import importlib
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from bench.contract import Image
from bench.errors import MissingExtraError
from synth.rain.imgaug_renderer import build as build_imgaug
from synth.rain.presets import preset
from synth.rain.renderer import render

SIZES = ((480, 640), (720, 1280))

Rainfall = Callable[[Image, str], Image]


@dataclass(frozen=True)
class Speed:
    """How fast one renderer is at one size.

    Attributes:
        renderer: Preset, or library and class.
        height: Pixels.
        width: Pixels.
        seconds: Median over the images of each image's fastest time.
        images_per_second: Its inverse.
        megabytes: Peak of what Python and NumPy allocated for one image, in units of 10^6 bytes.
    """

    renderer: str
    height: int
    width: int
    seconds: float
    images_per_second: float
    megabytes: float


def compare(
    presets: tuple[str, ...] = ("coco350_y", "bdd350_y", "bdd150_y"),
    sizes: tuple[tuple[int, int], ...] = SIZES,
    images: int = 6,
    repeats: int = 5,
) -> tuple[Speed, ...]:
    """Time every renderer on the same seeded pictures, one after the other, in this process.

    The built-in renderer and imgaug use one thread each of their own; keep the libraries to one as well
    (``OMP_NUM_THREADS=1``) for equal terms.

    Args:
        presets: Presets of the built-in renderer.
        sizes: (height, width) of the pictures.
        images: Pictures per size, each with rain of its own.
        repeats: Times that each is rendered; the fastest counts, for others use the machine as well.
    """
    rainfalls = {name: _built_in(name) for name in presets} | _others()
    found = []
    for height, width in sizes:
        pictures = [_picture(height, width, number) for number in range(images)]
        for name, rainfall in rainfalls.items():
            seconds = float(np.median(_fastest(rainfall, pictures, repeats)))
            found.append(Speed(name, height, width, seconds, 1.0 / seconds, _peak(rainfall, pictures[0]) / 1e6))
    return tuple(found)


def _fastest(rainfall: Rainfall, pictures: list[Image], repeats: int) -> list[float]:
    rainfall(pictures[0], "warm up")
    best = [float("inf")] * len(pictures)
    for _ in range(repeats):
        for number, picture in enumerate(pictures):
            start = time.perf_counter()
            rainfall(picture, f"speed/{number}")
            best[number] = min(best[number], time.perf_counter() - start)
    return best


def _peak(rainfall: Rainfall, picture: Image) -> int:
    tracemalloc.start()
    try:
        rainfall(picture, "speed/0")
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _picture(height: int, width: int, number: int) -> Image:
    """A soft, seeded picture with grain, about as bright as a photograph."""
    rng = np.random.default_rng(number)
    coarse = np.kron(rng.integers(20, 200, (height // 40 + 1, width // 40 + 1, 3)), np.ones((40, 40, 1)))
    return (coarse[:height, :width] + rng.integers(0, 30, (height, width, 3))).astype(np.uint8)


def _built_in(name: str) -> Rainfall:
    parameters = preset(name)
    return lambda image, key: render(image, parameters, key).rainy


def _others() -> dict[str, Rainfall]:
    """Other libraries' rain with their default arguments, as far as installed."""
    found: dict[str, Rainfall] = {}
    try:
        imgaug = build_imgaug({})
        found["imgaug.Rain"] = lambda image, key: imgaug(image, key=key).rainy
    except MissingExtraError:
        pass
    try:
        random_rain = importlib.import_module("albumentations").RandomRain(p=1.0)
        found["albumentations.RandomRain"] = lambda image, key: np.asarray(random_rain(image=image)["image"])
    except ImportError:
        pass
    return found


def rain_speeds() -> pd.DataFrame:
    """How fast rain is rendered, beside imgaug and albumentations where they are installed; one row a renderer."""
    return pd.DataFrame([asdict(speed) for speed in compare()])
