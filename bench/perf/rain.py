"""Measure the speed of rendering rain, beside imgaug and albumentations where they are installed."""

from __future__ import annotations

import importlib
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median

import numpy as np
import pandas as pd

from bench.contract import Image
from bench.errors import MissingExtraError
from bench.perf.drawn_evidence import draw_picture
from bench.perf.timing import seconds_of
from synth.rain.imgaug_renderer import build as build_imgaug
from synth.rain.presets import preset
from synth.rain.renderer import render

SIZES = ((480, 640), (720, 1280))

Rainfall = Callable[[Image, str], Image]
"""Turn a clean image into a rainy one; the text is the key of its randomness."""


@dataclass(frozen=True)
class RainSpeed:
    """Speed and memory of one renderer at one size.

    Attributes:
        renderer: Preset, or library and class.
        height: Height of the pictures in pixels.
        width: Width of the pictures in pixels.
        seconds: Median over the pictures of each picture's fastest time.
        images_per_second: Inverse of ``seconds``.
        megabytes: Peak of what Python and NumPy allocated for one image, in units of 10^6 bytes.
    """

    renderer: str
    height: int
    width: int
    seconds: float
    images_per_second: float
    megabytes: float


def rain_speeds(
    presets: Sequence[str] = ("coco350_y", "bdd350_y", "bdd150_y"),
    sizes: Sequence[tuple[int, int]] = SIZES,
    images: int = 6,
    repeats: int = 5,
) -> pd.DataFrame:
    """Time every renderer on the same seeded pictures in this process; return one row a renderer and size.

    The built-in renderer and imgaug use one thread each of their own; keep the libraries to one as well
    (``OMP_NUM_THREADS=1``) for equal terms.

    Args:
        presets: Presets of the built-in renderer.
        sizes: (height, width) of the pictures.
        images: Pictures per size, each with rain of its own.
        repeats: Times that each is rendered; the fastest counts, for others use the machine as well.
    """
    rainfalls = {name: _built_in(name) for name in presets} | _others()
    speeds = []
    for height, width in sizes:
        pictures = [draw_picture(height, width, number) for number in range(images)]
        for name, rainfall in rainfalls.items():
            seconds = median(_fastest(rainfall, pictures, repeats))
            speeds.append(RainSpeed(name, height, width, seconds, 1 / seconds, _peak(rainfall, pictures[0]) / 1e6))
    return pd.DataFrame([asdict(speed) for speed in speeds])


def _fastest(rainfall: Rainfall, pictures: Sequence[Image], repeats: int) -> list[float]:
    """Time rain on every picture; return the fewest seconds of each."""
    rainfall(pictures[0], "warm up")
    calls = [partial(rainfall, picture, f"speed/{number}") for number, picture in enumerate(pictures)]
    turns = [[seconds_of(call) for call in calls] for _ in range(repeats)]
    return [min(seconds) for seconds in zip(*turns, strict=True)]


def _peak(rainfall: Rainfall, picture: Image) -> int:
    """Render one picture; return the most bytes that Python and NumPy held for it."""
    tracemalloc.start()
    try:
        rainfall(picture, "speed/0")
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _built_in(name: str) -> Rainfall:
    parameters = preset(name)
    return lambda image, key: render(image, parameters, key).rainy


def _others() -> dict[str, Rainfall]:
    """Make the rain of other libraries with their default arguments, as far as they are installed."""
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
