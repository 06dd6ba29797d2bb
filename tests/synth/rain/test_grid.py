"""Small grids against SciPy."""

import numpy as np
from scipy import ndimage

from synth.rain.grid import blur, enlarge, grid_shape, shrink


def test_small_grids_match_scipy():
    rng = np.random.default_rng(0)
    grid = rng.integers(0, 65537, (30, 40, 3)) / 65536
    expected = ndimage.gaussian_filter(grid, (2.5, 2.5, 0), mode="nearest", truncate=3.2)
    np.testing.assert_allclose(blur(grid, 2.5), expected, atol=2e-3)
    size = (480, 640)
    assert grid_shape(size) == (30, 40)
    large = enlarge(grid[..., 0], size)
    expected = ndimage.zoom(grid[..., 0], 16, order=1, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(large, expected, atol=1e-4)


def test_shrink_takes_means():
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    expected = image[::2, ::2].reshape(4, 8, 6, 8, 3).mean(axis=(1, 3)) / 255
    np.testing.assert_allclose(shrink(image), expected, atol=1e-5)
