"""The two rows that frame every table."""

import numpy as np

from bench.contract import Options
from derainers.controls import clean, rain


def test_both_return_an_equal_but_separate_image(image_of):
    image = image_of(17, 23, 1)
    for build in (rain, clean):
        restored = build(Options())(image)
        assert np.array_equal(restored, image)
        assert not np.shares_memory(restored, image)


def test_only_the_oracle_reads_the_clean_image():
    assert rain(Options()).traits.reads == "rainy"
    assert clean(Options()).traits.reads == "clean"
