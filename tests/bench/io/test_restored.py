"""What is no restored image is named, with what to return instead."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from bench.io.restored import fault_of_restored

GOOD = np.full((4, 6, 3), 100, np.uint8)


def test_a_restored_image_has_no_fault() -> None:
    assert fault_of_restored(GOOD, (4, 6)) == ""


@pytest.mark.parametrize(
    ("restored", "words"),
    [
        (None, "got None; does the function end without return?"),
        ([GOOD, GOOD], "got a list of 2; return the derained image alone"),
        ((GOOD,), "got a tuple of 1; return the derained image alone"),
        ({"out": GOOD}, "got a dict of 1; return the derained image alone"),
        ("done", "got str"),
        (Image.fromarray(GOOD), r"Image of PIL; return numpy.asarray\(image\)"),
        (GOOD[:-1], r"got \(3, 6, 3\) uint8. Crop padding"),
        (np.kron(GOOD, np.ones((2, 2, 1), np.uint8)), r"got \(8, 12, 3\) uint8. Crop padding"),
        (GOOD.transpose(2, 0, 1), r"transpose\(1, 2, 0\)"),
        (GOOD[None], r"batch of one; return its \[0\]"),
        (GOOD.transpose(2, 0, 1)[None], "batch of one with channels first"),
        (GOOD[..., 0], "grey"),
        (GOOD[..., :1], "grey"),
        (np.dstack([GOOD, GOOD[..., :1]]), "alpha"),
        (GOOD.transpose(1, 0, 2), "swapped"),
        (GOOD / 255, r"float64. It looks like 0..1: return \(x \* 255\)"),
        ((GOOD / 255).astype(np.float16), r"float16. It looks like 0..1"),
        (GOOD / 127.5 - 1, "looks like -1..1"),
        (GOOD.astype(np.float32), "Round, clip to 0..255 and convert to uint8"),
        (np.full((4, 6, 3), np.nan), "NaN"),
        (GOOD.astype(np.int64), "Convert to uint8"),
        (GOOD.astype(np.uint16) * 257, "Convert to uint8"),
    ],
)
def test_each_fault_is_named_with_what_to_do(restored: object, words: str) -> None:
    fault = fault_of_restored(restored, (4, 6))
    assert fault.startswith("expected ")
    assert re.search(words, fault), fault


def test_a_tensor_is_named_with_its_way_into_numpy() -> None:
    torch = pytest.importorskip("torch")
    assert "Tensor of torch; return array.permute" in fault_of_restored(torch.zeros(3, 4, 6), (4, 6))
