"""Run lengths against plain boolean arrays and against pycocotools' own reading of them."""

import itertools

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from bench.contract import BoolArray
from bench.io.masks import decode, encode, encode_polygons, encode_runs


def random_masks() -> BoolArray:
    return np.random.default_rng(4).random((5, 13, 7)) < 0.3


def test_decoding_gives_back_what_was_encoded() -> None:
    for mask in (*random_masks(), np.zeros((3, 4), dtype=np.bool_), np.ones((4, 3), dtype=np.bool_)):
        rle = encode(mask)
        assert rle["size"] == list(mask.shape)
        assert isinstance(rle["counts"], str)
        np.testing.assert_array_equal(decode(rle), mask)
        assert decode(rle).dtype == np.bool_


def test_pycocotools_reads_the_encoding() -> None:
    for mask in random_masks():
        rle = encode(mask)
        theirs = coco_mask.decode({"size": rle["size"], "counts": rle["counts"].encode("ascii")})
        np.testing.assert_array_equal(theirs, mask)


def test_memory_order_of_a_mask_does_not_matter() -> None:
    mask = random_masks()[0]
    assert encode(mask) == encode(np.asfortranarray(mask)) == encode(mask[::-1][::-1])


def test_run_lengths_are_counted_down_the_columns() -> None:
    for mask in random_masks():
        pixels = mask.T.ravel()  # COCO's order: column by column
        runs = [len(list(group)) for _, group in itertools.groupby(pixels.tolist())]
        runs = [0, *runs] if pixels[0] else runs
        assert encode_runs(runs, (13, 7)) == encode(mask)


@pytest.mark.parametrize("size", [(20, 30), (30, 20)])
def test_polygons_of_one_object_are_joined(size: tuple[int, int]) -> None:
    first, second = [2.0, 3.0, 12.0, 3.0, 12.0, 10.0, 2.0, 10.0], [10.0, 8.0, 18.0, 8.0, 18.0, 15.0, 10.0, 15.0]
    expected = np.zeros(size, dtype=np.bool_)
    expected[3:10, 2:12] = expected[8:15, 10:18] = True
    np.testing.assert_array_equal(decode(encode_polygons([first, second], size)), expected)
