"""Encode pictures, boxes and masks of one image for the page's gallery."""

from __future__ import annotations

import base64
import colorsys
import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from bench.contract import ClassSpace, Detections, Image, Instances, IntArray, LabelMap, Rle, Sample
from bench.io.masks import decode
from bench.protocols import Drawable
from bench.report.evidence import EvidenceStyle, read_evidence
from bench.runs.folder import RunStore
from bench.runs.rows import Row

QUALITY = 60
"""JPEG quality of the pictures. Streaks of rain stay visible; WebP of the same size takes ten times as long."""

NOTHING = 255
"""Value of a mask's pixels that belong to no class, and are transparent."""


WRONG, RIGHT, IGNORED, UNMATCHED = range(4)
"""States of a drawn detection, as the page's script knows them; UNMATCHED was not compared with the truth."""


def data_uri(kind: str, content: bytes) -> str:
    """Write the bytes of one picture as a data URI; ``kind`` is ``jpeg`` or ``png``."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def encode_picture(image: Image, side: int) -> str:
    """Encode one image as a data URI of a JPEG whose longer side has at most ``side`` pixels."""
    picture = Pillow.fromarray(image)
    small = shrunk(picture.size, side)
    if small != picture.size:
        picture = picture.resize(small, Pillow.Resampling.LANCZOS)
    text = io.BytesIO()
    picture.save(text, format="JPEG", quality=QUALITY)
    return data_uri("jpeg", text.getvalue())


def shrunk(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Scale one (width, height) down so that the longer side has at most ``side`` pixels."""
    factor = min(1.0, side / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def layer_of(
    store: RunStore, row: Row, style: EvidenceStyle, sample: Sample, small: tuple[int, int]
) -> dict[str, object] | None:
    """Encode the evidence of one image as boxes and a mask; None where it is absent or does not fit the image.

    Args:
        store: The run folder.
        row: Whose evidence.
        style: How it is drawn.
        sample: The image with its labels.
        small: (width, height) of the mask's picture in pixels; boxes stay in pixels of the whole image.
    """
    evidence = read_evidence(store, row, sample.id, sample.truth.size)
    if isinstance(evidence, np.ndarray):
        return _mask_layer(_places(evidence, style.space), style.space, small)
    if not isinstance(evidence, Detections):
        return None
    space = style.space
    detections, states = _with_states(evidence, style.matcher, sample.truth.instances)
    drawn = np.flatnonzero((detections.scores >= style.least_score) & np.isin(detections.class_ids, space.ids))
    boxes = [
        [
            *_rounded(detections.boxes[index]),
            space.ids.index(int(detections.class_ids[index])),
            round(float(detections.scores[index]), 2),
            int(states[index]),
        ]
        for index in drawn
    ]
    layer: dict[str, object] = {"boxes": boxes}
    if detections.masks is not None:
        painted = [(int(detections.class_ids[index]), detections.masks[index]) for index in drawn[::-1]]
        layer |= _mask_layer(_painted(painted, space, sample.truth.size), space, small)
    return layer


def _with_states(
    evidence: Detections, matcher: Drawable | None, truth: Instances | None
) -> tuple[Detections, IntArray]:
    """Choose the detections of scored classes and tell the state of each; all of them where nothing can be matched."""
    if matcher is None or truth is None:
        return evidence, np.full(len(evidence.scores), UNMATCHED)
    matched = matcher.matched(evidence, truth)
    return matched.detections, np.where(matched.right, RIGHT, np.where(matched.ignored, IGNORED, WRONG))


def true_layer(style: EvidenceStyle, sample: Sample, small: tuple[int, int]) -> dict[str, object]:
    """Encode the labels of one image as boxes and a mask; empty where it has none. Arguments as in :func:`layer_of`."""
    truth, space = sample.truth, style.space
    if style.shows == "classes of pixels":
        return {} if truth.label_map is None else _mask_layer(_places(truth.label_map, space), space, small)
    objects = truth.instances
    if objects is None:
        return {}
    known = np.flatnonzero(np.isin(objects.class_ids, space.ids))
    boxes = [
        [*_rounded(objects.boxes[index]), space.ids.index(int(objects.class_ids[index])), int(objects.crowd[index])]
        for index in known
    ]
    layer: dict[str, object] = {"boxes": boxes}
    if style.shows == "masks" and objects.masks is not None:
        order = known[np.argsort(-objects.areas[known], kind="stable")]
        painted = [(int(objects.class_ids[index]), objects.masks[index]) for index in order]
        layer |= _mask_layer(_painted(painted, space, truth.size), space, small)
    return layer


def _painted(objects: Sequence[tuple[int, Rle]], space: ClassSpace, size: tuple[int, int]) -> LabelMap:
    """Paint masks one over the other into a (H, W) map of places in the class space; 255 where there is none."""
    canvas = np.full(size, NOTHING, dtype=np.uint8)
    for class_id, rle in objects:
        canvas[decode(rle)] = space.ids.index(class_id) % NOTHING
    return canvas


def _places(labels: LabelMap, space: ClassSpace) -> LabelMap:
    """Turn the ids of one label map into places in the class space; 255 for ids that the space lacks."""
    table = np.full(256, NOTHING, dtype=np.uint8)
    table[list(space.ids)] = np.arange(len(space.ids))
    return np.asarray(table[labels])


def _mask_layer(places: LabelMap, space: ClassSpace, small: tuple[int, int]) -> dict[str, object]:
    """Encode one map of places as a PNG that is transparent where there is no class; list the places in it."""
    picture = Pillow.fromarray(places, mode="P").resize(small, Pillow.Resampling.NEAREST)
    colours = [part for _, colour in colours_of(space)[:NOTHING] for part in bytes.fromhex(colour[1:])]
    picture.putpalette(colours + [0] * (768 - len(colours)))  # with fewer entries Pillow would cut 255 short
    text = io.BytesIO()
    picture.save(text, format="PNG", transparency=NOTHING, optimize=False)
    present = [int(place) for place in np.unique(places) if place != NOTHING]
    return {"mask": data_uri("png", text.getvalue()), "classes": present}


def colours_of(space: ClassSpace) -> list[tuple[str, str]]:
    """Give every class of a space a colour ``#rrggbb``: hues a golden section apart, so that neighbours differ."""
    found = []
    for place, name in enumerate(space.names):
        parts = colorsys.hsv_to_rgb(
            (0.58 + place * 0.618034) % 1, 0.55 + 0.3 * (place % 2), 0.95 - 0.2 * (place % 3 == 2)
        )
        found.append((name, "#" + bytes(round(255 * part) for part in parts).hex()))
    return found


def _rounded(box: npt.NDArray[np.float64]) -> list[float]:
    return [round(float(side), 1) for side in box]
