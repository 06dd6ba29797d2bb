"""Whole runs are timed beside the script that one would write in an hour."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from bench.api import run_suite
from bench.config import Suite, override
from bench.data import build_dataset
from bench.images import read_image
from bench.pipeline_speed import budget, obvious_script, pipeline_speeds


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


def test_the_parts_of_a_run_make_up_the_whole(few: Suite, photos: Path, tmp_path: Path) -> None:
    parts = budget(few, {"photos": photos}, tmp_path / "run")
    assert {"opening", "rain", "derainers", "task quality", "scores, tables, digests"} <= set(parts)
    assert min(parts.values()) >= 0
    assert parts["rain"] > 0
    with (tmp_path / "run/timings.csv").open(newline="", encoding="utf-8") as file:
        timings = [row for row in csv.DictReader(file) if row["task"] == "quality"]
    spent = sum(float(row["seconds_per_image"]) * int(row["images"]) for row in timings)
    assert parts["task quality"] == pytest.approx(spent, abs=1e-4)


def test_both_are_timed_and_the_shares_add_up(few: Suite, photos: Path) -> None:
    frame = pipeline_speeds(few, {"photos": photos}, workers=1, turns=1)
    first = frame.iloc[0]
    assert first["what"] == "a run in 1 processes / the obvious script"
    assert first["ratio"] == pytest.approx(first["reference_seconds"] / first["seconds"])
    assert (first["images"], first["derainers"]) == (3, "rain,clean")
    assert frame["ratio"][1:].sum() == pytest.approx(1)
