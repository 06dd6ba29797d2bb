"""Rows called like words that pandas takes for unknown values go all the way: run, tables, comparison, report, cost."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.commands.console import plain_rows

SOFT = "def build(options):\n    return lambda image: image // 2 + {more}\n"
NAMES = ["null", "NA"]


def told(*arguments: object) -> str:
    found = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stdout


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("names")
    rows = []
    for name, more in zip(NAMES, (60, 100), strict=True):
        (folder / f"mine{more}.py").write_text(SOFT.format(more=more))
        rows.append(f"{name}={folder}/mine{more}.py:build")
    derainers = ",".join(["rain", *rows, "clean"])
    told(
        *("run", "streets", "--count", 12, "--tasks", "quality", "--derainers", derainers),
        *("--device", "cpu", "--out", folder / "run"),
    )
    return folder / "run"


def test_every_row_has_its_intervals_in_the_table(run: Path) -> None:
    rows = {
        row["derainer"]: row for row in json.loads(told("table", run, "--intervals", "--format", "json"))["streets"]
    }
    assert list(rows) == ["rain", *NAMES, "clean"]
    for name in ("rain", *NAMES):
        assert "[" in rows[name]["psnr_y (dB)"]
        assert "[" in rows[name]["ssim_y"]


def test_two_such_rows_are_compared(run: Path) -> None:
    rows = json.loads(told("compare", run, *NAMES, "--format", "json"))
    (rows,) = rows.values() if isinstance(rows, dict) else (rows,)
    psnr = next(row for row in rows if row["metric"] == "psnr_y")
    assert psnr["difference"] == pytest.approx(psnr["null"] - psnr["NA"])
    assert psnr["low"] <= psnr["difference"] <= psnr["high"]
    assert psnr["higher"] + psnr["lower"] <= 12


def test_slices_and_scores_of_images_keep_the_names(run: Path) -> None:
    rows = json.loads(told("table", run, "--format", "json", "--all"))["streets"]
    assert [row["derainer"] for row in rows] == ["rain", *NAMES, "clean"]
    from bench.scoring.per_image import read_measures

    assert read_measures(run)["derainer"].unique().tolist() == ["rain", *NAMES, "clean"]


def test_the_report_shows_their_intervals(run: Path) -> None:
    from bench.report.run import read_run

    told("report", run, "--images", 1)
    estimates = read_run(run).estimates
    for name in NAMES:
        estimate = estimates["streets", name, "psnr_y"]
        assert estimate.low <= estimate.value <= estimate.high
    assert (run / "report.html").is_file()


def test_their_costs_stand_beside_their_scores(run: Path) -> None:
    files = [f"{name}={run.parent}/mine{more}.py:build" for name, more in zip(NAMES, (60, 100), strict=True)]
    told("cost", run, "--derainers", ",".join(files), "--size", "48x32", "--repeats", 1, "--warm-up", 0)
    rows = {row["derainer"]: row for row in json.loads(told("table", run, "--cost", "--format", "json"))["streets"]}
    for name in NAMES:
        assert rows[name]["ms 48x32"] >= 0
    assert rows["rain"]["ms 48x32"] is None


def test_names_that_look_like_numbers_stay_names_in_json() -> None:
    frame = pd.DataFrame({"derainer": ["nan", "12", ""], "image": ["000000001993"] * 3, "value": ["1.50", "nan", ""]})
    assert plain_rows(frame) == [
        {"derainer": "nan", "image": "000000001993", "value": 1.5},
        {"derainer": "12", "image": "000000001993", "value": None},
        {"derainer": None, "image": "000000001993", "value": None},
    ]
