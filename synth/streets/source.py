"""Draw road scenes by a program, with exact labels: the source ``streets``.

No file is read. A scene depends on seed, split and its number only; the size decides how finely it is sampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.contract import Classes, FloatArray, Image, Instances, IntArray, Parameters, Photograph, Truth
from bench.errors import ImageError, UserError, did_you_mean
from bench.io.masks import encode
from bench.protocols import Source
from synth.streets.camera import Camera, look
from synth.streets.classes import CLASSES, Category
from synth.streets.colours import paint_surface
from synth.streets.dice import Dice
from synth.streets.layout import throw_layout
from synth.streets.light import photograph, throw_light

SPLITS = ("train", "val")
LEAST_VISIBLE_PIXELS = 30
"""Objects of which less is seen are in the label map but not among the instances."""

_DEFAULTS: dict[str, str | int] = {
    "count": 64, "width": 320, "height": 192, "seed": 0, "split": "val", "ignored_area": 0,
}  # fmt: skip
_LEAST = {"count": 1, "width": 32, "height": 32, "seed": 0, "ignored_area": 0}
_MOST = {"count": 100_000, "width": 4096, "height": 4096, "seed": 2**31 - 1, "ignored_area": 4096**2}


@dataclass(frozen=True)
class Streets:
    """Drawn scenes number 0 .. count - 1 of a split; see :class:`bench.protocols.Source`.

    Attributes:
        ignored_area: Objects of which fewer pixels are seen are marked as crowd: nobody has to find them.
    """

    count: int
    width: int
    height: int
    seed: int
    split: str
    ignored_area: int = 0
    name: str = "streets"

    @property
    def classes(self) -> Classes:
        """Cityscapes' label-map classes; COCO's names of instances, and traffic signs."""
        return CLASSES

    @property
    def ids(self) -> Sequence[str]:
        """Names of all scenes, such as ``val-00007``."""
        return [f"{self.split}-{number:05d}" for number in range(self.count)]

    def size(self, image_id: str, /) -> tuple[int, int]:
        """Return (height, width) in pixels, the same for every scene."""
        return self.height, self.width

    def load(self, image_id: str, /) -> Photograph:
        """Draw one scene.

        Raises:
            ImageError: There is no scene of this name.
        """
        split, _, number = image_id.rpartition("-")
        if split != self.split or not number.isdecimal() or int(number) >= self.count:
            raise ImageError(f"streets: no scene {image_id!r}; there are {self.split}-00000 to {self.ids[-1]}")
        return draw(
            image_id, (self.seed, SPLITS.index(split), int(number)), (self.height, self.width), self.ignored_area
        )


def open_streets(root: Path | None, parameters: Parameters) -> Source:
    """Open the source of drawn road scenes.

    Args:
        root: Not used: nothing is read from disk.
        parameters: ``count`` scenes of ``width`` x ``height`` pixels; ``seed`` (whole number) and ``split``
            (``train`` or ``val``) choose which. Scenes of different seeds or splits share nothing. Objects of which
            less than ``ignored_area`` pixels are seen are ignored when models are scored, as KITTI ignores them.

    Raises:
        UserError: An unknown parameter, or one out of range.
    """
    for name in parameters:
        if name not in _DEFAULTS:
            raise UserError(f"streets: unknown parameter {name!r}. {did_you_mean(name, _DEFAULTS)}")
    split = parameters.get("split", _DEFAULTS["split"])
    if split not in SPLITS:
        raise UserError(f"streets: split is {split!r}; expected one of {', '.join(SPLITS)}")
    count, width, height, seed, ignored = (_whole(name, parameters.get(name, _DEFAULTS[name])) for name in _LEAST)
    return Streets(count, width, height, seed, str(split), ignored)


def _whole(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not _LEAST[name] <= value <= _MOST[name]:
        raise UserError(f"streets: {name} is {value!r}; expected a whole number from {_LEAST[name]} to {_MOST[name]}")
    return value


def draw(image_id: str, key: tuple[int, ...], size: tuple[int, int], ignored_area: int = 0) -> Photograph:
    """Draw one scene with its truth.

    Args:
        image_id: Name of the scene.
        key: What the scene depends on.
        size: (height, width) in pixels.
        ignored_area: As in :class:`Streets`.
    """
    layout = throw_layout(Dice(*key, 0))
    chance = Dice(*key, 1)
    height, width = size
    camera = Camera(
        height,
        width,
        focal=width * chance.between(0.72, 0.92),
        horizon=height * chance.between(0.40, 0.50),
        above_ground=chance.between(1.25, 1.6),
    )
    view = look(camera, layout.faces.corners)
    surface = paint_surface(layout, camera, view, chance)
    light = throw_light(chance, layout.time, layout.sun)
    clean: Image = photograph(layout, camera, view, surface, light, chance)
    truth = Truth(
        size,
        instances_of(surface.instances, layout.categories, ignored_area),
        surface.labels,
    )
    depth: FloatArray = np.ascontiguousarray(view.depth[1::2, 1::2])
    return Photograph(image_id, clean, None, truth, depth, {"timeofday": layout.time, "weather": "clear"})


def instances_of(numbers: IntArray, categories: Sequence[Category], ignored_area: int = 0) -> Instances:
    """Encode boxes and masks of the visible parts of all objects.

    Args:
        numbers: (H, W) instance seen at each pixel, from 1; 0 for none.
        categories: Class of instance 1, 2, ...
        ignored_area: Objects of which fewer pixels are seen are marked as crowd.
    """
    visible = np.bincount(numbers.ravel(), minlength=len(categories) + 1)
    kept = [n for n in range(1, len(categories) + 1) if visible[n] >= LEAST_VISIBLE_PIXELS]
    boxes, masks = np.zeros((len(kept), 4)), []
    for index, number in enumerate(kept):
        mask = numbers == number
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        boxes[index] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
        masks.append(encode(mask))
    return Instances(
        boxes=boxes,
        class_ids=np.array([categories[n - 1] for n in kept], dtype=np.int64),
        crowd=visible[kept] < ignored_area,
        areas=visible[kept].astype(np.float64),
        masks=tuple(masks),
    )
