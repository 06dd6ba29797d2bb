"""Streaks against slow references that were written for the test."""

import math

import numpy as np
import pytest

from synth.rain.keyed_random import draw
from synth.rain.presets import preset
from synth.rain.streaks import UNIT, opacity_table, scale_of, splat, streaks_of


def drawn(key="k", severity=1.0, size=(120, 160), **changes):
    p = preset("coco350_y").with_changes(changes)
    return p, streaks_of(p, draw(p, key), key, severity, size)


def slow_splat(streaks, p, size):
    """One streak, one row, one column at a time, in Python floats."""
    plane = np.zeros(size)
    columns = [getattr(streaks, name).astype(float) for name in streaks.__dataclass_fields__]
    for left, top, drop, slope, width, thickness, waves, phase in zip(*columns, strict=True):
        for row in range(max(0, math.floor(top)), min(size[0], math.ceil(top + drop) + 1)):
            along = (row + 0.5 - top) / drop
            fade = min(max(min(along, 1 - along) / p.taper, 0), 1)
            turn = 2 * ((along * waves + phase) % 1) - 1
            weight = fade * fade * (3 - 2 * fade) * (1 - p.flicker * turn * turn) * thickness
            axis = left + slope * (row + 0.5 - top)
            radius = 1.0 if width <= 1 else 1.25 * width + 0.25
            for column in range(math.floor(axis - radius) - 1, math.ceil(axis + radius) + 1):
                away = abs(column + 0.5 - axis) / radius
                share = max(0, 1 - away) if width <= 1 else max(0, 1 - away * away) ** 3 * 35 / 32 / radius
                if 0 <= column < size[1]:
                    plane[row, column] += share * weight
    return plane


@pytest.mark.parametrize("changes", [{"width": 0.02}, {"width": 0.1, "angle": 40}, {"length": 1.5, "angle": -30}])
def test_splat_equals_a_slow_one(changes):
    size = (60, 80)
    p, streaks = drawn(size=size, density=300, **changes)
    fast, slow = splat(streaks, p, size) / UNIT, slow_splat(streaks, p, size) / UNIT
    assert slow.max() > 0.1
    np.testing.assert_allclose(fast, slow, atol=0.01)
    assert abs(fast.sum() / slow.sum() - 1) < 1e-3


def test_lower_severity_has_the_first_streaks_of_a_higher_one():
    _, few = drawn(severity=0.25)
    _, many = drawn(severity=1.0)
    assert len(few.top) == pytest.approx(len(many.top) / 2, abs=1)
    for name in few.__dataclass_fields__:
        assert np.array_equal(getattr(few, name), getattr(many, name)[: len(few.top)])


def test_sizes_distances_and_directions_are_as_described():
    p, s = drawn(size=(480, 640), angle_spread=0, gust_probability=0, density=50000)
    assert scale_of((480, 640)) == 480
    length = s.drop * np.sqrt(1 + s.slope.astype(float) ** 2)
    # A far streak of a slow drop up to a near one of the fastest: 9.2 m/s over the mean drop's 4 m/s.
    assert 0.05 * p.length * p.closeness_min * 480 < length.min() * 2
    assert length.max() < 2.4 * 1.6 * p.length * 480
    assert np.mean(s.width <= 1) > 0.8  # most rain is far
    degrees = np.rad2deg(np.arctan(s.slope))
    assert abs(degrees.mean()) < 0.3
    assert np.abs(degrees).max() <= p.perspective + p.angle_jitter + 0.01
    position = s.left + s.slope * s.drop / 2
    assert np.corrcoef(position, degrees)[0, 1] > 0.8  # streaks fan out


def test_opacity_rises_to_its_bound():
    table = opacity_table(1.0, 0.8)
    assert table[0] == 0
    assert (np.diff(table) >= 0).all()
    assert table[-1] < 0.8
    assert table[UNIT] == pytest.approx(0.8 * (1 - math.exp(-1 / 0.8)), abs=1e-4)
    assert not opacity_table(0.0, 0.8).any()
