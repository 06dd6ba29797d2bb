"""The contact sheet, made small."""

import numpy as np

from synth.rain.presets import preset
from synth.rain.renderer import build, render
from synth.rain.sheet import contact_sheet


def test_sheet_shows_the_rain_beside_the_photograph(image_of):
    photographs = {"a": image_of(60, 100, 0), "b": image_of(100, 60, 1)}
    sheet = contact_sheet(
        photographs, preset("bdd150_y"), {"other": build({})}, {"reference": image_of(50, 50, 2)}, None, 100
    )
    assert sheet.dtype == np.uint8
    assert sheet.shape[1] == 500  # photograph, rain, opacity, transmission, other
    assert np.array_equal(sheet[:60, :100], photographs["a"])
    assert np.array_equal(sheet[:60, 100:200], render(photographs["a"], preset("bdd150_y"), "a").rainy)
    assert sheet.shape[0] > 60 + 167 + 60 + 60 + 100
