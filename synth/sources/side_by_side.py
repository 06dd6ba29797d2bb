"""Tell files that hold a clean and a rainy image side by side from photographs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from bench.contract import FloatArray, Image
from bench.errors import ImageError
from bench.io.images import read_image

_MOST_LOOKED_AT = 8
_CELLS = 24
"""Cells of the grid, each way, on which the halves are compared."""
_ALIKE = 0.5
"""Least correlation of the halves. Of photographs it is -0.8 to 0.5 with a median below 0 (500 of COCO, CamVid, BSDS),
of Rain100H's pairs 0.4 to 1 with a median of 0.9."""


def clean_half(paths: Sequence[Path]) -> Literal["left half", "right half", ""]:
    """Tell which half of each of a few files is the clean image; empty if the files are ordinary photographs.

    Two halves that show one scene have correlated brightness once each row's mean is taken away (otherwise any sky
    above any street would do). Streaks add fine detail, so the smoother half is the clean one.
    """
    likeness: list[float] = []
    smoother: list[bool] = []
    for path in paths[:_MOST_LOOKED_AT]:
        try:
            image = read_image(path)
        except ImageError:
            continue
        height, width = image.shape[:2]
        if width % 2 or min(height, width // 2) < _CELLS:
            return ""
        left, right = image[:, : width // 2], image[:, width // 2 :]
        likeness.append(_correlation(_cells(left), _cells(right)))
        smoother.append(_detail(left) <= _detail(right))
    if not likeness or float(np.median(likeness)) < _ALIKE:
        return ""
    return "left half" if 2 * sum(smoother) >= len(smoother) else "right half"


def _cells(image: Image) -> FloatArray:
    height, width = (side // _CELLS * _CELLS for side in image.shape[:2])
    grey = image[:height, :width].mean(axis=2)
    means: FloatArray = grey.reshape(_CELLS, height // _CELLS, _CELLS, width // _CELLS).mean(axis=(1, 3))
    centred: FloatArray = means - means.mean(axis=1, keepdims=True)
    return centred


def _correlation(first: FloatArray, second: FloatArray) -> float:
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / scale if scale > 0 else 0.0


def _detail(image: Image) -> float:
    return float(np.abs(np.diff(image.astype(np.int16), axis=1)).mean())
