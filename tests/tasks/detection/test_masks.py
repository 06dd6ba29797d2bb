"""Masks as run lengths against plain boolean arithmetic."""

import numpy as np
import pytest

from bench.io.masks import encode
from tasks.detection.masks import areas_of, mask_overlaps


def test_overlaps_equal_boolean_arithmetic() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        first = rng.random((3, 9, 14)) < 0.5
        second = rng.random((4, 9, 14)) < 0.5
        crowd = np.array([False, True, False, True])
        expected = np.array([
            [(a & b).sum() / (a.sum() if c else (a | b).sum()) for b, c in zip(second, crowd, strict=True)]
            for a in first
        ])  # fmt: skip
        found = mask_overlaps([encode(a) for a in first], [encode(b) for b in second], crowd)
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_areas_are_counts_of_pixels() -> None:
    masks = np.random.default_rng(4).random((5, 13, 7)) < 0.3
    assert areas_of([encode(mask) for mask in masks]).tolist() == masks.sum(axis=(1, 2)).tolist()


def test_none_and_other_sizes() -> None:
    mask = encode(np.ones((3, 4), dtype=bool))
    none = np.zeros(0, dtype=bool)
    assert mask_overlaps([], [mask], np.array([False])).shape == (0, 1)
    assert mask_overlaps([mask, mask], [], none).shape == (2, 0)
    assert mask_overlaps([], [], none).shape == (0, 0)
    with pytest.raises(ValueError, match="different sizes"):
        mask_overlaps([mask], [encode(np.ones((4, 3), dtype=bool))], np.array([False]))
