"""PNG files of our own are read back by Pillow, pixel by pixel and text by text."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from bench.io.images import encode_png


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (33, 50), (480, 640)])
@pytest.mark.parametrize("kind", ["noise", "flat", "gradient"])
def test_every_pixel_comes_back(size: tuple[int, int], kind: str) -> None:
    rows, columns = np.mgrid[: size[0], : size[1]]
    pixels = {
        "noise": np.random.default_rng(1).integers(0, 256, (*size, 3)),
        "flat": np.full((*size, 3), 255),
        "gradient": np.stack([rows, columns, 255 - rows - columns], axis=-1) % 256,
    }[kind].astype(np.uint8)
    content = encode_png(pixels, {"derainbench-key": "k pixels:ab", "other": "\xe9"})
    picture = Pillow.open(io.BytesIO(content))
    assert picture.info == {"derainbench-key": "k pixels:ab", "other": "\xe9"}, "told before the pixels are decoded"
    picture.load()
    assert (picture.mode, picture.format) == ("RGB", "PNG")
    assert np.array_equal(np.asarray(picture), pixels)
    assert encode_png(pixels, {}) == encode_png(np.asfortranarray(pixels), {}), "whatever the memory's layout"


def test_a_damaged_file_is_noticed_by_its_checksums() -> None:
    content = bytearray(encode_png(np.full((40, 50, 3), 7, np.uint8), {}))
    content[60] ^= 1
    with pytest.raises((SyntaxError, OSError)):
        Pillow.open(io.BytesIO(content)).load()
