"""imgaug as a renderer, where it is installed."""

import sys

import numpy as np
import pytest

from bench.errors import ImageError, MissingExtraError, UserError
from synth import RAINS
from synth.rain.imgaug_import import import_imgaug

PHOTOGRAPH = np.random.default_rng(0).integers(30, 200, (90, 120, 3), dtype=np.uint8)


@pytest.fixture
def renderer():
    try:
        return RAINS.load(RAINS.find("imgaug"))({})
    except UserError as error:  # not installed, or without a library of the system
        pytest.skip(str(error))


def test_key_and_severity(renderer):
    before = PHOTOGRAPH.copy()
    first, again, other = (renderer(PHOTOGRAPH, key=key).rainy for key in ("a", "a", "b"))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(before, PHOTOGRAPH)
    assert np.array_equal(renderer(PHOTOGRAPH, key="a", severity=0.0).rainy, PHOTOGRAPH)
    errors = [
        np.square(renderer(PHOTOGRAPH, key="a", severity=s).rainy - PHOTOGRAPH.astype(float)).mean()
        for s in (0.5, 1, 2)
    ]
    assert errors == sorted(errors)
    assert errors[0] > 1


def test_numpy_is_left_as_it_was(renderer):
    import_imgaug()
    assert "sctypes" not in vars(np) or int(np.__version__.split(".")[0]) < 2
    assert "imgaug" in renderer.fingerprint


def test_refusals(renderer):
    build = RAINS.load(RAINS.find("imgaug"))
    with pytest.raises(UserError, match="unknown parameter 'dropsize'"):
        build({"dropsize": 1})
    with pytest.raises(UserError, match="speed_min"):
        build({"speed_min": 0.9})
    with pytest.raises(ImageError, match="16 pixels"):
        renderer(PHOTOGRAPH[:8], key="a")


def test_absent_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "imgaug.augmenters", None)
    monkeypatch.setitem(sys.modules, "imgaug", None)
    with pytest.raises(MissingExtraError, match=r"derainbench\[imgaug\]"):
        import_imgaug()
