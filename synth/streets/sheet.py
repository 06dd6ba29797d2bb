"""Draw a contact sheet of drawn scenes: the picture, its rain, what a derainer makes of it, and all labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from bench.contract import UNLABELLED, Image, Photograph
from bench.errors import UserError
from bench.io.files import atomic
from bench.io.masks import decode
from bench.protocols import Source
from synth.streets.stage import TIMES

_LABEL_COLOURS = (
    (128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153), (153, 153, 153), (250, 170, 30),
    (220, 220, 0), (107, 142, 35), (152, 251, 152), (70, 130, 180), (220, 20, 60), (255, 0, 0), (0, 0, 142),
    (0, 0, 70), (0, 60, 100), (0, 80, 100), (0, 0, 230), (119, 11, 32),
)  # fmt: skip
"""Cityscapes' colours of its nineteen classes."""

_CATEGORY_COLOURS = (
    (255, 255, 255), (230, 60, 60), (80, 200, 120), (70, 150, 255), (200, 120, 255), (255, 170, 40), (0, 210, 210),
    (255, 240, 60), (255, 120, 190),
)  # fmt: skip
_BORDER = 3


def scene_sheet(
    source: Source,
    rain: Callable[[Photograph], Image],
    restore: Callable[[Image], Image],
    times: Sequence[str] = TIMES,
) -> Image:
    """Draw for every time of day a row of clean, rainy and restored, and one of boxes, masks and label map.

    Args:
        source: The source ``streets``.
        rain: Renders rain on a scene.
        restore: Takes it away again.
        times: Times of day to show; each shows the busiest of the source's first scenes of that time.

    Raises:
        UserError: The source has no scene of one of these times.
    """
    busiest: dict[str, Photograph] = {}
    for image_id in source.ids[: 12 * len(times)]:
        scene = source.load(image_id)
        time = scene.attributes["timeofday"]
        if time not in busiest or _objects(scene) > _objects(busiest[time]):
            busiest[time] = scene
    missing = [time for time in times if time not in busiest]
    if missing:
        raise UserError(f"{source.name}: no scene at {' or '.join(missing)} among its first; ask for a larger count")
    rows: list[Image] = []
    for scene in (busiest[time] for time in times):
        rainy = rain(scene)
        rows.append(_row(clean_of(scene), rainy, restore(rainy)))
        rows.append(_row(draw_boxes(scene), draw_masks(scene), draw_labels(scene)))
    return np.concatenate(rows)


def write_sheet(path: Path, sheet: Image) -> None:
    """Write a sheet as a PNG of 256 colours: a third of the bytes, and rain compresses badly."""
    with atomic(path) as part:
        Pillow.fromarray(sheet).quantize(256, Pillow.Quantize.MEDIANCUT).save(part, format="PNG", optimize=True)


def _objects(scene: Photograph) -> int:
    return 0 if scene.truth.instances is None else len(scene.truth.instances.areas)


def _row(*pictures: Image) -> Image:
    framed = [np.pad(picture, ((_BORDER, _BORDER), (_BORDER, _BORDER), (0, 0))) for picture in pictures]
    return np.concatenate(framed, axis=1)


def clean_of(scene: Photograph) -> Image:
    """Return the clean picture, which drawn scenes always have."""
    if scene.clean is None:
        raise ValueError(f"{scene.id}: no clean image")
    return scene.clean


def draw_boxes(scene: Photograph) -> Image:
    """Draw the boxes of a scene's objects over its picture."""
    picture = Pillow.fromarray(clean_of(scene))
    pen = ImageDraw.Draw(picture)
    if scene.truth.instances is not None:
        for box, category in zip(scene.truth.instances.boxes, scene.truth.instances.class_ids, strict=True):
            x1, y1, x2, y2 = (round(float(side)) for side in box)
            pen.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=_CATEGORY_COLOURS[int(category)])
    return np.asarray(picture, dtype=np.uint8)


def draw_masks(scene: Photograph) -> Image:
    """Draw the masks of a scene's objects over its greyed picture, in the colours of their classes."""
    picture = clean_of(scene).mean(axis=2, keepdims=True).repeat(3, axis=2) * 0.6
    if scene.truth.instances is not None and scene.truth.instances.masks is not None:
        for rle, category in zip(scene.truth.instances.masks, scene.truth.instances.class_ids, strict=True):
            mask = decode(rle)
            inside = mask & np.roll(mask, 1, 0) & np.roll(mask, -1, 0) & np.roll(mask, 1, 1) & np.roll(mask, -1, 1)
            colour = np.array(_CATEGORY_COLOURS[int(category)], dtype=np.float64)
            picture[mask] = 0.45 * picture[mask] + 0.55 * colour
            picture[mask & ~inside] = colour
    drawn: Image = picture.astype(np.uint8)
    return drawn


def draw_labels(scene: Photograph) -> Image:
    """Draw the label map in Cityscapes' colours; black where nothing is labelled."""
    palette = np.zeros((UNLABELLED + 1, 3), np.uint8)
    palette[: len(_LABEL_COLOURS)] = _LABEL_COLOURS
    if scene.truth.label_map is None:
        return np.zeros((*scene.truth.size, 3), np.uint8)
    return palette[scene.truth.label_map]
