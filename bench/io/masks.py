"""Encode and decode binary masks as COCO run-length encodings."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.contract import BoolArray, Rle


def encode(mask: BoolArray) -> Rle:
    """Encode one (H, W) binary mask."""
    found = _library().encode(np.asfortranarray(mask, dtype=np.uint8))
    return Rle(size=[int(side) for side in found["size"]], counts=found["counts"].decode("ascii"))


def decode(rle: Rle) -> BoolArray:
    """The (H, W) binary mask of a run-length encoding."""
    return np.asarray(_library().decode(dict(rle)), dtype=np.bool_)


def _library() -> Any:  # noqa: ANN401  its type stubs know only bytes where the library takes text, too
    from pycocotools import mask

    return mask
