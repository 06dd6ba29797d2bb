"""The batched path against the one that renders image by image."""

import numpy as np
import pytest

from bench.errors import ImageError, UserError
from synth.rain.presets import preset
from synth.rain.renderer import render
from synth.rain.torch_renderer import render_batch

torch = pytest.importorskip("torch")

CHANGES = [
    {},
    {"space": "linear"},
    {"occlusion": 0.3, "angle": 40, "width": 0.02},
    {"density": 0},
    {"light": "night", "lens_drops": 6, "lens_drop_radius": 0.05},
]


def check(images, parameters, device):
    keys = [f"batch/{number}" for number in range(len(images))]
    depths = [None] * (len(images) - 1) + [np.full(images[0].shape[:2], 9.0)]
    together = render_batch(images, parameters, keys, 1.2, depths, device)
    for image, key, depth, rain in zip(images, keys, depths, together, strict=True):
        alone = render(image, parameters, key, 1.2, depth)
        assert np.array_equal(rain.rainy, alone.rainy)
        assert rain.record == alone.record
        assert np.array_equal(rain.layers.opacity, alone.layers.opacity)
        assert np.array_equal(rain.layers.transmission, alone.layers.transmission)


@pytest.mark.parametrize("changes", CHANGES)
def test_same_bytes_as_alone(image_of, changes):
    check([image_of(90, 130, seed) for seed in range(3)], preset("bdd350_y").with_changes(changes), "cpu")


def test_same_bytes_at_full_size(image_of):
    check([image_of(480, 640, seed) for seed in range(2)], preset("coco350_y"), "cpu")


@pytest.mark.gpu
@pytest.mark.parametrize("changes", CHANGES)
def test_same_bytes_on_a_gpu(image_of, changes):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    check([image_of(480, 640, seed) for seed in range(3)], preset("bdd350_y").with_changes(changes), "cuda")


def test_wrong_batches_are_refused(image_of):
    p = preset("coco350_y")
    assert render_batch([], p, []) == []
    with pytest.raises(ImageError, match="one size"):
        render_batch([image_of(20, 20), image_of(20, 30)], p, ["a", "b"])
    with pytest.raises(UserError, match="2 images, 1 keys"):
        render_batch([image_of(20, 20), image_of(20, 20)], p, ["a"])
