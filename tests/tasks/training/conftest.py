"""A few drawn pictures with boxes, small enough to train on in seconds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bench.contract import Instances, Photograph, Truth


def squares(number: int) -> Photograph:
    """A grey picture with one bright and one dark square, of classes 1 and 2."""
    random = np.random.default_rng(number)
    image = np.full((64, 96, 3), 110, np.uint8)
    boxes = np.zeros((2, 4))
    for place, shade in enumerate((230, 20)):
        side = int(random.integers(16, 28))
        x, y = int(random.integers(0, 48 - side)) + 48 * place, int(random.integers(0, 64 - side))
        image[y : y + side, x : x + side] = shade
        boxes[place] = x, y, x + side, y + side
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    seen = Instances(boxes, np.array([1, 2]), np.zeros(2, bool), areas)
    return Photograph(f"squares-{number}", image, None, Truth((64, 96), seen))


@pytest.fixture
def squares_of() -> Callable[[int], list[Photograph]]:
    """Make so many pictures of squares."""
    return lambda count: [squares(number) for number in range(count)]
