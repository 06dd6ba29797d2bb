"""Where the time of a run goes."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from bench.perf.budget import WHOLE, budget, pipeline_budget
from bench.suites.suite import Suite, override


@pytest.fixture
def few(suite: Suite) -> Suite:
    return override(suite, derainers=["rain", "classical", "clean"], count=3)


def test_parts_are_those_of_the_run(few: Suite, photos: Path, tmp_path: Path) -> None:
    parts, beside, images = budget(few, {"photos": photos}, tmp_path / "run")
    assert images == 3
    assert {"opening", "rain", "derain", "judge: quality", "metrics", "statistics", "report"} <= set(parts)
    assert min(parts.values()) >= 0
    assert min(parts[name] for name in ("rain", "derain", "metrics", "report")) > 0
    with (tmp_path / "run/timings.csv").open(newline="", encoding="utf-8") as file:
        timings = [row for row in csv.DictReader(file) if row["task"] == "quality"]
    spent = sum(float(row["seconds_per_image"]) * int(row["images"]) for row in timings)
    assert parts["judge: quality"] == pytest.approx(spent, abs=1e-4)
    assert set(beside) == {
        "decode before derain", "encode after derain", "decode before judges", "encode after judges",
    }  # fmt: skip
    assert min(beside.values()) > 0
    assert (tmp_path / "run/report.html").is_file()


def test_shares_add_up_to_the_whole(few: Suite, photos: Path) -> None:
    frame = pipeline_budget(few, {"photos": photos})
    whole = frame[frame["part"] == WHOLE].iloc[0]
    parts = frame[~frame["beside"] & (frame["part"] != WHOLE)]
    assert parts["seconds"].sum() == pytest.approx(whole["seconds"])
    assert parts["share"].sum() == pytest.approx(1)
    assert set(frame["derainers"]) == {"rain,classical,clean"}
    assert set(frame["images"]) == {3}
