"""Training derainers: photographs from folders, rain rendered while training, or published pairs.

With :mod:`bench.api`, :mod:`bench.data` and :mod:`bench.catalogue` it wires the rooms together.
"""

from __future__ import annotations

import difflib
import platform
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench import __version__
from bench.contract import Image, Source
from bench.errors import ImageError, UserError
from derainers.training.crops import Pair, Stream
from derainers.training.settings import Settings
from synth import SOURCES
from synth.build import open_renderer
from synth.presets import preset
from synth.rain import Renderer

_KEPT_PHOTOGRAPHS = 1024  # decoded photographs kept in memory: about 0.5 MB each at 480x320
HELD_OUT = 8
"""Photographs on which PSNR is measured while training."""


class RainMixture(BaseModel):
    """Which rains are mixed, each as often as it is named.

    Attributes:
        presets: Names of rains.
        severities: Their severities; 1 is the preset as calibrated.
        zooms: Rain as in the crop of a photograph that many times as large: longer, wider and fewer streaks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    presets: tuple[str, ...] = Field(default=("coco350_y",), min_length=1)
    severities: tuple[float, ...] = Field(default=(1.0,), min_length=1)
    zooms: tuple[float, ...] = Field(default=(1.0,), min_length=1)


class Training(Settings):
    """Settings of a training and where its pairs come from.

    Attributes:
        name: Of the weights; the name or stem of the configuration.
        rain: Rain for photographs.
        pairs: Published sets of pairs, instead of photographs.
    """

    name: str
    rain: RainMixture = RainMixture()
    pairs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Photographs:
    """Every photograph of some sources, by number."""

    sources: tuple[Source, ...]
    ids: tuple[tuple[int, str], ...]

    def load(self, number: int) -> Pair:
        """Rainy (the clean one again, where there is none) and clean image of one number."""
        source, id = self.ids[number]
        photograph = self.sources[source].load(id)
        if photograph.clean is None:
            raise ImageError(f"image {id!r}: there is no clean image to train on")
        return photograph.clean if photograph.rainy is None else photograph.rainy, photograph.clean


@dataclass(frozen=True)
class Rains:
    """A stream of pairs: every photograph once an epoch, in an order and with rain that follow from the number.

    Attributes:
        load: Rainy and clean image of a photograph's number.
        count: How many photographs there are.
        renderers: Rains to choose from; none for photographs that bring their own.
        severities: Severities to choose from.
        seed: Of order and rain.
    """

    load: Callable[[int], Pair]
    count: int
    renderers: Sequence[Renderer]
    severities: Sequence[float]
    seed: int

    def __call__(self, number: int, /) -> Pair:
        """The pair of this number; see :class:`derainers.training.crops.Stream`."""
        epoch, place = divmod(number, self.count)
        order = np.random.default_rng([self.seed, epoch]).permutation(self.count)
        rainy, clean = self.load(int(order[place]))
        if not self.renderers:
            return rainy, clean
        random = np.random.default_rng([self.seed, epoch, place])
        renderer = self.renderers[int(random.integers(len(self.renderers)))]
        severity = self.severities[int(random.integers(len(self.severities)))]
        return renderer(clean, key=f"train/{self.seed}/{number}", severity=severity).rainy, clean


def training_names() -> list[str]:
    """Names of the built-in trainings."""
    return sorted(item.name.removesuffix(".toml") for item in files("bench.trainings").iterdir() if ".toml" in item.name)


def load_training(name: str, changes: Mapping[str, object] | None = None) -> Training:
    """Read a built-in training by name, or a TOML file by path.

    Args:
        name: Which.
        changes: Settings that replace those of the file.

    Raises:
        UserError: There is none, it is not TOML, or a key is unknown, missing or of the wrong kind.
    """
    if name.endswith(".toml"):
        if not Path(name).is_file():
            raise UserError(f"training {name}: no such file")
        raw, origin = Path(name).read_bytes(), name
    elif name in training_names():
        raw, origin = files("bench.trainings").joinpath(f"{name}.toml").read_bytes(), f"built-in training {name}"
    else:
        near = difflib.get_close_matches(name, training_names(), n=3, cutoff=0.4)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(training_names())}"
        raise UserError(f"unknown training {name!r}. {hint} A file of your own ends in .toml")
    try:
        content = tomllib.loads(raw.decode("utf-8"))
        return Training.model_validate({"name": Path(name).stem, **content, **(changes or {})})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{origin}: not valid TOML: {error}") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'training'}: {fault['msg']}" for fault in error.errors())
        raise UserError(f"{origin}: {faults}. See 'derainbench train --help' and the built-in trainings") from error


def open_photographs(folders: Sequence[Path], pairs: Mapping[str, Path] | None = None) -> Photographs:
    """The photographs of plain folders, and of published sets of pairs by name.

    Raises:
        UserError: A folder is absent or holds no images.
    """
    sources = [SOURCES.load(SOURCES.find("folder"))(folder, {}) for folder in folders]
    sources += [SOURCES.load(SOURCES.find("pairs"))(folder, {"set": name}) for name, folder in (pairs or {}).items()]
    ids = tuple((place, id) for place, source in enumerate(sources) for id in source.ids)
    if not ids:
        raise UserError("no photographs to train on; give folders with --photographs DIR or --pairs SET=DIR")
    return Photographs(tuple(sources), ids)


def rainy_stream(training: Training, photographs: Photographs, rendered: bool) -> Rains:
    """The pairs of a training.

    Args:
        training: Rain and seed.
        photographs: What it rains on.
        rendered: False for published pairs, which have their rain.

    Raises:
        UserError: A preset is unknown or a severity out of range.
    """
    load = lru_cache(maxsize=_KEPT_PHOTOGRAPHS)(photographs.load)
    rain = training.rain
    renderers = [_zoomed(name, zoom) for name in rain.presets for zoom in rain.zooms] if rendered else []
    if wrong := [severity for severity in rain.severities if not 0 < severity <= 10]:
        raise UserError(f"rain.severities: expected numbers above 0, at most 10; got {wrong[0]!r}")
    return Rains(load, len(photographs.ids), renderers, rain.severities, training.seed)


def _zoomed(name: str, zoom: float) -> Renderer:
    if not 0.25 <= zoom <= 4:
        raise UserError(f"rain.zooms: expected numbers from 0.25 to 4, got {zoom!r}")
    p = preset(name)
    changes = {"length": p.length * zoom, "width": p.width * zoom, "density": p.density / zoom**2}
    return open_renderer(name, changes if zoom != 1 else {})
