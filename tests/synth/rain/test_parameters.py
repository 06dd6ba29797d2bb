"""Parameters and presets: checked when they are made, found by name, nearest names on a mistake."""

import pytest

from bench.errors import UserError
from synth.rain.parameters import RainParameters
from synth.rain.presets import preset, preset_names
from synth.rain.renderer import build


def test_every_preset_is_there_and_names_its_convention():
    names = preset_names()
    assert {f"{base}_{end}" for base in ("coco350", "bdd350", "bdd150") for end in ("y", "rgb")} <= set(names)
    assert len({preset(name).text() for name in names}) == len(names)


def test_unknown_preset_is_answered_with_the_nearest():
    with pytest.raises(UserError, match=r"Did you mean .*coco350_y"):
        preset("coco350")
    with pytest.raises(UserError, match="expected a name"):
        build({"preset": 3})


def test_unknown_parameter_is_answered_with_the_nearest():
    with pytest.raises(UserError, match=r"Did you mean .*density"):
        build({"preset": "coco350_y", "densty": 5})


@pytest.mark.parametrize(
    "change",
    [
        {"density": -1},
        {"density": float("nan")},
        {"density": "many"},
        {"angle": True},
        {"space": "xyz"},
        {"light": "noon"},
        {"opacity_max": 1},
        {"jpeg_quality": 90.5},
        {"gust_min": 30, "gust_max": 10},
    ],
)
def test_values_out_of_range_are_refused_by_name(change):
    with pytest.raises(UserError, match=next(iter(change))):
        RainParameters().with_changes(change)


def test_whole_numbers_and_floats_are_one_parameter():
    assert RainParameters(density=7000).text() == RainParameters(density=7000.0).text()
    assert RainParameters().with_changes({"jpeg_quality": 90.0}).jpeg_quality == 90
