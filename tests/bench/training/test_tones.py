"""Random tones of photographs, against scikit-image's gamma correction."""

import numpy as np
import pytest
from skimage.exposure import adjust_gamma

from bench.training.tones import change_tones


class Draws:
    """Draws that are set instead of drawn: gamma, gain, tint of three channels, saturation."""

    def __init__(self, gamma=0.0, gain=0.0, tint=(0.0, 0.0, 0.0), saturation=0.0):
        self.left = [(gamma, gain), tint, saturation]

    def uniform(self, low, high, size=None):
        drawn = self.left.pop(0)
        assert low <= np.min(drawn) <= np.max(drawn) <= high
        return np.asarray(drawn) if size else drawn


@pytest.fixture
def image():
    return np.random.default_rng(1).integers(0, 256, (20, 30, 3)).astype(np.uint8)


@pytest.mark.parametrize(("gamma", "gain"), [(0.3, 0.0), (-0.3, 0.2), (0.0, -0.25)])
def test_gamma_and_gain_are_those_of_scikit_image(gamma, gain, image):
    expected = adjust_gamma(image / 255, np.exp(gamma), np.exp(gain)).clip(0, 1) * 255
    assert np.abs(change_tones(image, 0.3, Draws(gamma, gain)) - expected).max() <= 0.51


def test_a_tint_is_a_factor_of_its_channel_alone(image):
    toned = change_tones(image // 2, 0.4, Draws(tint=(0.4, 0.0, -0.4)))
    for channel, factor in enumerate(np.exp([0.1, 0.0, -0.1])):
        assert np.abs(toned[..., channel] - factor * (image // 2)[..., channel]).max() <= 0.51


def test_saturation_mixes_with_grey(image):
    assert np.ptp(change_tones(image, 1.0, Draws(saturation=-1.0)), axis=-1).max() == 0
    grey = image.mean(-1, keepdims=True)
    less = change_tones(image, 0.5, Draws(saturation=-0.5))
    assert np.abs(less - (grey + image) / 2).max() <= 0.51


def test_no_change_is_the_photograph_and_equal_draws_give_equal_tones(image):
    assert np.array_equal(change_tones(image, 0.0, np.random.default_rng(3)), image)
    first, again, other = (change_tones(image, 0.3, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert (first.dtype, first.shape) == (np.uint8, image.shape)
