"""Randomness by name."""

import numpy as np
import pytest

from synth.rain.keyed_random import draw, rounded, triangular, uniforms
from synth.rain.presets import preset


def test_uniforms_are_uniform_and_a_prefix_of_more():
    u = uniforms("key", "tag", 20000)
    assert np.array_equal(u[:100], uniforms("key", "tag", 100))
    assert np.abs(np.histogram(u, 20, (0, 1))[0] / 1000 - 1).max() < 0.12
    assert abs(np.corrcoef(u, uniforms("key", "other", 20000))[0, 1]) < 0.03
    t = triangular(u)
    assert -1 <= t.min() < -0.97
    assert 0.97 < t.max() < 1
    assert t.var() == pytest.approx(1 / 6, rel=0.03)
    # First number of PCG64 seeded with the first 16 bytes of SHA-256("key|tag"), recorded with NumPy 2.4.
    assert u[0] == 0.12197950126542945


def test_draws_stay_in_their_ranges():
    p = preset("coco350_y").with_changes({"angle": 5, "gust_probability": 0.5})
    draws = [draw(p, str(number)) for number in range(2000)]
    angles = np.array([one.angle for one in draws])
    assert np.abs(angles - 5).max() <= p.angle_spread
    assert abs(angles.mean() - 5) < 1
    gusts = np.array([one.gust for one in draws])
    assert 0.45 < (gusts != 0).mean() < 0.55
    assert p.gust_min <= np.abs(gusts[gusts != 0]).min() <= np.abs(gusts).max() <= p.gust_max
    assert abs((gusts > 0).mean() - (gusts < 0).mean()) < 0.06
    strength = np.array([one.strength for one in draws])
    assert np.abs(strength - 1).max() <= p.strength_spread
    assert strength.mean() == pytest.approx(1, abs=0.02)


def test_rounded_numbers_add_up_in_any_order():
    values = rounded(np.random.default_rng(0).random(100_000))
    products = values * values[::-1]
    shuffled = np.random.default_rng(1).permutation(products)
    assert products.sum() == shuffled.sum() == sum(shuffled.tolist()) == products[::-1].cumsum()[-1]
