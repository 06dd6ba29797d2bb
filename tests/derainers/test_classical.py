"""The classical baseline against a direct computation, and on streaks."""

import numpy as np

from bench.contract import Options
from derainers.classical import classical, guided_filter


def guided_filter_of_definition(image, guide, radius, smoothing):
    """One least-squares line per window, averaged over the windows that cover a pixel (He et al., 2013)."""
    height, width, channels = image.shape
    result = np.zeros(image.shape)
    cover = np.zeros((height, width, 1))
    for row in range(height):
        for column in range(width):
            window = (
                slice(max(row - radius, 0), row + radius + 1),
                slice(max(column - radius, 0), column + radius + 1),
            )
            for channel in range(channels):
                x, y = guide[window][..., channel].ravel(), image[window][..., channel].ravel()
                slope = np.mean((x - x.mean()) * (y - y.mean())) / (x.var() + smoothing)
                result[window][..., channel] += slope * guide[window][..., channel] + y.mean() - slope * x.mean()
            cover[window] += 1
    return result / cover


def test_guided_filter_follows_its_definition():
    rng = np.random.default_rng(3)
    image, guide = rng.random((2, 12, 9, 2))
    expected = guided_filter_of_definition(image, guide, 2, 0.01)
    found = guided_filter(image.astype(np.float32), guide.astype(np.float32), 2, 0.01)
    assert np.abs(found - expected).max() < 1e-5


def test_thin_bright_streaks_become_fainter_and_a_constant_image_stays(image_of):
    restore = classical(Options())
    flat = np.full((40, 50, 3), 77, np.uint8)
    assert np.array_equal(restore(flat), flat)
    rows, columns = np.mgrid[0:96, 0:128]
    scene = np.stack([60 + rows * 0.8, 40 + columns * 0.9, 90 + 0 * rows], axis=-1)
    rainy = scene + 60 * ((columns + rows // 4) % 13 == 0)[..., None]
    before = np.mean((rainy - scene) ** 2)
    after = np.mean((restore(rainy.astype(np.uint8)) - scene) ** 2)
    assert after < before / 2
