"""Masks as run lengths against plain boolean arithmetic."""

import numpy as np
import pytest

from bench.io.masks import decode, encode
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


def test_round_trip_and_area() -> None:
    masks = np.random.default_rng(4).random((5, 13, 7)) < 0.3
    encoded = [encode(mask) for mask in masks]
    assert encoded[0]["size"] == [13, 7]
    assert isinstance(encoded[0]["counts"], str)
    assert all((decode(rle) == mask).all() for rle, mask in zip(encoded, masks, strict=True))
    assert areas_of(encoded).tolist() == masks.sum(axis=(1, 2)).tolist()


def test_none_and_other_sizes() -> None:
    mask = encode(np.ones((3, 4), dtype=bool))
    none = np.zeros(0, dtype=bool)
    assert mask_overlaps([], [mask], np.array([False])).shape == (0, 1)
    assert mask_overlaps([mask, mask], [], none).shape == (2, 0)
    assert mask_overlaps([], [], none).shape == (0, 0)
    with pytest.raises(ValueError, match="different sizes"):
        mask_overlaps([mask], [encode(np.ones((4, 3), dtype=bool))], np.array([False]))
