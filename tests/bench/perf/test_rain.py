"""The speed of rain: a row a renderer and size."""

from __future__ import annotations

import pytest

from bench.perf.rain import rain_speeds


def test_speeds_are_measured_per_size() -> None:
    frame = rain_speeds(("coco350_y",), ((48, 64), (96, 128)), images=2, repeats=2)
    ours = frame[frame["renderer"] == "coco350_y"]
    assert ours[["height", "width"]].values.tolist() == [[48, 64], [96, 128]]
    assert frame["images_per_second"].tolist() == pytest.approx((1 / frame["seconds"]).tolist())
    assert frame["seconds"].between(0, 5, inclusive="neither").all()
    assert (frame["megabytes"] > 0.01).all()
