"""Encode and decode binary masks as COCO's compressed run lengths (:class:`bench.contract.Rle`), by pycocotools.

Scores of masks, such as their overlap, are no business of this module: see ``tasks.detection.masks``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from bench.contract import BoolArray, Rle


def encode(mask: BoolArray) -> Rle:
    """Encode one (H, W) binary mask as compressed run lengths."""
    return _as_text(rle_functions().encode(np.asfortranarray(mask, dtype=np.uint8)))


def encode_runs(runs: Sequence[int], size: tuple[int, int]) -> Rle:
    """Encode the uncompressed run lengths of one mask.

    Args:
        runs: Lengths in pixels, column by column, background first; they add up to height x width.
        size: (height, width) of the mask.
    """
    return _as_text(rle_functions().frPyObjects({"size": list(size), "counts": list(runs)}, *size))


def encode_polygons(polygons: Sequence[Sequence[float]], size: tuple[int, int]) -> Rle:
    """Encode the union of the polygons of one object, rasterised as COCO does.

    Args:
        polygons: Corners x, y, x, y, ... in pixels, at least three pairs each.
        size: (height, width) of the mask.
    """
    library = rle_functions()
    return _as_text(library.merge(library.frPyObjects(list(polygons), *size)))


def decode(rle: Rle) -> BoolArray:
    """Decode one run-length mask into a (H, W) bool array."""
    return np.asarray(rle_functions().decode(dict(rle)), dtype=np.bool_)


def rle_functions() -> Any:  # noqa: ANN401  its type stubs know only bytes where the library takes text, too
    """Import the functions of pycocotools that work on run lengths."""
    from pycocotools import mask

    return mask


def _as_text(rle: Mapping[str, object]) -> Rle:
    """Convert what pycocotools encoded to values that JSON can hold."""
    size, counts = cast(Sequence[int], rle["size"]), cast(bytes, rle["counts"])
    return Rle(size=[int(side) for side in size], counts=counts.decode("ascii"))
