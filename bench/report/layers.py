"""What lies over and under each other in the page's gallery: pictures, boxes and masks, as data."""

from __future__ import annotations

import base64
import colorsys
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from bench.contract import BoolArray, Classes, ClassSpace, Detections, Image, Instances, LabelMap, Rle, Sample
from bench.errors import ImageError
from bench.runs.folder import RunStore
from bench.runs.rows import Row

QUALITY = 60
"""Of JPEG; streaks of rain stay visible, and WebP of the same size takes ten times as long to write."""

NOTHING = 255
"""Value of a mask's pixels that belong to no class, and are transparent."""


@dataclass(frozen=True)
class Matched:
    """An image's detections beside the truth, of the scored classes.

    Attributes:
        seen: Detections in descending order of score.
        right: (N,) True for detections with a true partner.
        ignored: (N,) True for detections on a crowd region: neither right nor wrong.
        truth: The true objects.
    """

    seen: Detections
    right: BoolArray
    ignored: BoolArray
    truth: Instances


@dataclass(frozen=True)
class Sight:
    """How a task's evidence is drawn.

    Attributes:
        task: Its name.
        match: Compares one image's detections with the truth; None for label maps.
        score: Least score of a detection that is drawn.
        overlap: Least overlap of a match.
    """

    task: str
    match: Callable[[Detections, Instances], Matched] | None = None
    score: float = 0.0
    overlap: float = 0.0


def space_of(sight: Sight, classes: Classes) -> ClassSpace | None:
    """The classes of what a task sees."""
    return classes.labels if sight.match is None else classes.instances


def data_uri(kind: str, content: bytes) -> str:
    """Bytes of an image inside the page."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def encode_picture(image: Image, side: int) -> str:
    """A picture as JPEG, at most so many pixels long."""
    picture = Pillow.fromarray(image)
    small = shrunk(picture.size, side)
    if small != picture.size:
        picture = picture.resize(small, Pillow.Resampling.LANCZOS)
    text = io.BytesIO()
    picture.save(text, format="JPEG", quality=QUALITY)
    return data_uri("jpeg", text.getvalue())


def shrunk(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Width and height with the longer one at most ``side``."""
    factor = min(1.0, side / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def layer_of(
    store: RunStore, row: Row, sight: Sight, space: ClassSpace, sample: Sample, small: tuple[int, int]
) -> dict[str, object] | None:
    """What a model saw in one picture; None if there is no evidence."""
    try:
        evidence = store.read_evidence(row, sample.id)
    except ImageError:
        return None
    if isinstance(evidence, np.ndarray):
        return _mask_layer(_places(evidence, space), space, small)
    if not isinstance(evidence, Detections) or sight.match is None or sample.truth.instances is None:
        return None
    matched = sight.match(evidence, sample.truth.instances)
    drawn = np.flatnonzero(matched.seen.scores >= sight.score)
    boxes = [
        [
            *_rounded(matched.seen.boxes[index]),
            space.ids.index(int(matched.seen.class_ids[index])),
            round(float(matched.seen.scores[index]), 2),
            1 if matched.right[index] else 2 if matched.ignored[index] else 0,
        ]
        for index in drawn
    ]
    layer: dict[str, object] = {"boxes": boxes}
    if matched.seen.masks is not None:
        painted = [(int(matched.seen.class_ids[index]), matched.seen.masks[index]) for index in drawn[::-1]]
        layer |= _mask_layer(_painted(painted, space, sample.truth.size), space, small)
    return layer


def true_layer(sight: Sight, space: ClassSpace, sample: Sample, small: tuple[int, int]) -> dict[str, object]:
    """What a task should have seen."""
    truth = sample.truth
    if sight.match is None:
        return {} if truth.label_map is None else _mask_layer(_places(truth.label_map, space), space, small)
    if truth.instances is None:
        return {}
    known = [index for index, id in enumerate(truth.instances.class_ids) if int(id) in space.ids]
    boxes = [
        [
            *_rounded(truth.instances.boxes[index]),
            space.ids.index(int(truth.instances.class_ids[index])),
            int(truth.instances.crowd[index]),
        ]
        for index in known
    ]
    layer: dict[str, object] = {"boxes": boxes}
    if sight.task == "instances" and truth.instances.masks is not None:
        order = sorted(known, key=lambda index: -float(truth.instances.areas[index]) if truth.instances else 0.0)
        painted = [(int(truth.instances.class_ids[index]), truth.instances.masks[index]) for index in order]
        layer |= _mask_layer(_painted(painted, space, truth.size), space, small)
    return layer


def _painted(objects: Sequence[tuple[int, Rle]], space: ClassSpace, size: tuple[int, int]) -> LabelMap:
    """Masks one over the other as a map of class numbers (places in the class space), 255 where there is none."""
    canvas = np.full(size, NOTHING, dtype=np.uint8)
    for class_id, rle in objects:
        canvas[decode(rle)] = space.ids.index(class_id) % NOTHING
    return canvas


def decode(rle: Rle) -> BoolArray:
    """The (H, W) binary mask of a run-length encoding."""
    from pycocotools import mask

    library: Any = mask  # its type stubs know only bytes where the library takes text, too
    return np.asarray(library.decode(dict(rle)), dtype=np.bool_)


def _places(labels: LabelMap, space: ClassSpace) -> LabelMap:
    """A label map's ids as places in the class space; 255 for pixels that are in none of its classes."""
    table = np.full(256, NOTHING, dtype=np.uint8)
    table[list(space.ids)] = np.arange(len(space.ids))
    return np.asarray(table[labels])


def _mask_layer(places: LabelMap, space: ClassSpace, small: tuple[int, int]) -> dict[str, object]:
    """A map of classes as a picture that is transparent where there is none, and the classes in it."""
    picture = Pillow.fromarray(places, mode="P").resize(small, Pillow.Resampling.NEAREST)
    colours = [part for _, colour in colours_of(space)[:NOTHING] for part in bytes.fromhex(colour[1:])]
    picture.putpalette(colours + [0] * (768 - len(colours)))  # with fewer entries Pillow would cut 255 short
    text = io.BytesIO()
    picture.save(text, format="PNG", transparency=NOTHING, optimize=False)
    present = [int(place) for place in np.unique(places) if place != NOTHING]
    return {"mask": data_uri("png", text.getvalue()), "classes": present}


def colours_of(space: ClassSpace) -> list[tuple[str, str]]:
    """Name and colour of every class: hues a golden section apart, so that neighbours differ."""
    found = []
    for place, name in enumerate(space.names):
        parts = colorsys.hsv_to_rgb(
            (0.58 + place * 0.618034) % 1, 0.55 + 0.3 * (place % 2), 0.95 - 0.2 * (place % 3 == 2)
        )
        found.append((name, "#" + bytes(round(255 * part) for part in parts).hex()))
    return found


def _rounded(box: npt.NDArray[np.float64]) -> list[float]:
    return [round(float(side), 1) for side in box]
