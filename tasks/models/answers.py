"""What a user's own model answers, checked and made into evidence in numbers of its class space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.contract import ClassSpace, Detections, FloatArray, IntArray, Rle
from bench.errors import ImageError
from bench.io.masks import encode
from tasks.classes import ids_of_names


def detections_of(answer: object, size: tuple[int, int], space: ClassSpace, masked: bool) -> Detections:
    """Check one image's objects.

    Args:
        answer: Dictionary of ``scores`` (N,) in [0, 1], ``classes`` (N,) numbers or names, ``boxes`` (N, 4)
            ``x1, y1, x2, y2`` in pixels, and with masks ``masks`` (N, H, W) bool; boxes may then be left out.
        size: (height, width) of the image.
        space: The model's classes. Numbers count from 0 in them; unknown names are left out later.
        masked: Whether masks are asked for.

    Returns:
        Objects whose class ids are those of the space, -1 for unknown names.

    Raises:
        ImageError: Something is missing, of another shape, or outside its range.
    """
    if not isinstance(answer, Mapping):
        raise ImageError(f"expected a dictionary of boxes, scores and classes, got {type(answer).__name__}")
    scores = _numbers(answer, "scores", (None,))
    if len(scores) and (scores.min() < 0 or scores.max() > 1):
        raise ImageError(f"'scores' are in [{scores.min():.3g}, {scores.max():.3g}], expected within [0, 1]")
    masks = _masks(answer, len(scores), size) if masked else None
    if masked and "boxes" not in answer:
        boxes = _around(_array(answer, "masks"))
    else:
        boxes = _numbers(answer, "boxes", (len(scores), 4))
    if (boxes[:, 2:] < boxes[:, :2]).any():
        raise ImageError("'boxes' have x2 < x1 or y2 < y1; expected x1, y1, x2, y2 in pixels")
    return Detections(boxes, scores, _class_ids(answer, len(scores), space), masks)


def label_map_of(answer: object, size: tuple[int, int], space: ClassSpace | None) -> IntArray:
    """Check one image's label map (H, W) of whole numbers from 0; 255 is no class.

    Raises:
        ImageError: It has another shape or type, or a number that is no class of the space.
    """
    labels = _as_array(answer, "the label map")
    if labels.shape != size or labels.dtype.kind not in "iu":
        raise ImageError(f"expected a label map {size} of whole numbers, got {labels.shape} {labels.dtype}")
    strange = sorted(set(np.unique(labels).tolist()) - {255} - set(range(256) if space is None else space.ids))
    if strange:
        known = 255 if space is None else len(space.ids) - 1
        raise ImageError(f"the label map has the number {strange[0]}, expected 0 to {known}, or 255 for no class")
    return labels.astype(np.int64)


def _class_ids(answer: Mapping[str, object], count: int, space: ClassSpace) -> IntArray:
    classes = _array(answer, "classes")
    if classes.shape != (count,):
        raise ImageError(f"'classes' has shape {classes.shape}, expected ({count},)")
    if not count:
        return np.zeros(0, dtype=np.int64)
    if classes.dtype.kind in "UO":
        if not all(isinstance(name, str) for name in classes.tolist()):
            raise ImageError("'classes' are neither names nor whole numbers")
        return np.array(ids_of_names(classes.tolist(), space), dtype=np.int64)
    if classes.dtype.kind not in "iu" or classes.min() < 0 or classes.max() >= len(space.ids):
        raise ImageError(
            f"'classes' are {classes.dtype} in [{classes.min()}, {classes.max()}], expected whole numbers from 0 to "
            f"{len(space.ids) - 1} ({space.name}), or names"
        )
    return np.array([space.ids[int(place)] for place in classes], dtype=np.int64)


def _masks(answer: Mapping[str, object], count: int, size: tuple[int, int]) -> tuple[Rle, ...]:
    masks = _array(answer, "masks")
    if (count or masks.size) and (masks.shape != (count, *size) or masks.dtype != bool):
        raise ImageError(f"'masks' are {masks.shape} {masks.dtype}, expected {(count, *size)} bool")
    return tuple(encode(mask) for mask in masks)


def _around(masks: np.ndarray[Any, Any]) -> FloatArray:
    """The smallest boxes around masks, (N, 4); all zero where a mask is empty."""
    boxes = np.zeros((len(masks), 4))
    for box, mask in zip(boxes, masks, strict=True):
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if len(rows):
            box[:] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return boxes


def _numbers(answer: Mapping[str, object], name: str, shape: tuple[int | None, ...]) -> FloatArray:
    values = _array(answer, name)
    if values.size == 0 and not shape[0]:
        return np.zeros([side or 0 for side in shape])
    fits = len(values.shape) == len(shape) and all(
        want is None or want == side for want, side in zip(shape, values.shape, strict=True)
    )
    if not fits or values.dtype.kind not in "fiu":
        wanted = tuple("N" if side is None else side for side in shape)
        raise ImageError(f"{name!r} is {values.shape} {values.dtype}, expected numbers of shape {wanted}")
    if not np.isfinite(values).all():
        raise ImageError(f"{name!r} holds NaN or infinite values")
    return values.astype(np.float64)


def _array(answer: Mapping[str, object], name: str) -> np.ndarray[Any, Any]:
    if name not in answer:
        raise ImageError(f"the answer lacks {name!r}; it has {', '.join(map(repr, answer)) or 'nothing'}")
    return _as_array(answer[name], repr(name))


def _as_array(value: object, what: str) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(value)
    except Exception as error:  # ragged lists, tensors on a GPU: every library has its own exceptions
        raise ImageError(f"{what} is no array ({type(error).__name__}: {error})") from error
