"""Whole runs are timed beside the script that one would write in an hour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.api.datasets import build_dataset
from bench.api.run import run_suite
from bench.devices import usable_cores
from bench.io.images import read_image
from bench.perf.pipeline import harness_speed, obvious_script, pipeline_speeds
from bench.suites.suite import Suite, override


@pytest.fixture
def few(suite: Suite) -> Suite:
    return override(suite, derainers=["rain", "clean"], count=3)


def test_the_script_restores_what_a_run_restores(few: Suite, photos: Path, tmp_path: Path) -> None:
    build_dataset("photos", few.datasets["photos"], photos, tmp_path / "data/photos")
    obvious_script(few, tmp_path / "data", tmp_path / "script", threads=1)
    run_suite(few, tmp_path / "run", roots={"photos": photos})
    for derainer in few.derainers:
        theirs = sorted((tmp_path / "script/photos" / derainer).iterdir())
        ours = sorted((tmp_path / "run/restored/photos" / derainer).iterdir())
        assert [path.name for path in theirs] == [path.name for path in ours]
        for one, other in zip(theirs, ours, strict=True):
            assert np.array_equal(read_image(one), read_image(other))


def test_a_run_is_timed_beside_the_script_and_restoring_beside_the_derainer(
    few: Suite, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = harness_speed(turns=2, derainer="classical", images=2, size=(64, 96))
    (line,) = small.to_dict("records")
    assert line["what"] == "restoring at 96x64 / inside the derainer"
    assert 0 < line["reference_seconds"] < line["seconds"]
    assert 0 < line["ratio"] < 1
    assert (line["images"], line["derainers"], line["cores"]) == (2, "classical", usable_cores())
    monkeypatch.setattr("bench.perf.pipeline.harness_speed", lambda turns: small.assign(images=turns))
    monkeypatch.setattr("bench.perf.pipeline.card_speeds", lambda workers, turns: small.assign(images=workers))
    frame = pipeline_speeds(few, {"photos": photos}, workers=1, turns=1)
    first = frame.iloc[0]
    assert first["what"] == f"{few.name}: a run in 1 processes / the obvious script"
    assert first["ratio"] == pytest.approx(first["reference_seconds"] / first["seconds"])
    assert (first["images"], first["derainers"]) == (3, "rain,clean")
    assert list(frame["images"]) == [3, 1, 1]
