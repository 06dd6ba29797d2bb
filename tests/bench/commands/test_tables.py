"""Tables on the command line: formats, slices, several runs, correlations."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from bench.api.run import run_suite
from bench.cli import app
from bench.errors import UserError
from bench.suites.suite import load_suite, override


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six drawn streets, by day, at dusk and at night."""
    out = tmp_path_factory.mktemp("commands") / "run"
    suite = override(load_suite("streets"), count=6, derainers=["rain", "classical", "clean"], tasks=["quality"])
    run_suite(suite.model_copy(update={"resamples": 20}), out)
    per_class = "dataset,derainer,task,model,class,metric,value,unit,support\n"
    rows = [("rain", "car", "AP", 10), ("rain", "bus", "AP", 20), ("classical", "car", "AP", 30)]
    lines = [f"streets,{name},detection,net,{label},{metric},{value}.0,%,7\n" for name, label, metric, value in rows]
    (out / "per_class.csv").write_text(per_class + "".join(lines))
    return out


def told(*arguments: object) -> str:
    found = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stdout


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_slices_are_columns(run: Path) -> None:
    rows = rows_of(told("table", run, "--by", "timeofday", "--format", "csv"))
    assert list(rows[0]) == ["derainer", "metric", "day", "dusk", "night"]
    assert [row["derainer"] for row in rows if row["metric"] == "ssim_y"] == ["rain", "classical", "clean"]
    assert {row["metric"] for row in rows} == {"psnr_y (dB)", "ssim_y"}
    every = rows_of(told("table", run, "--by", "timeofday", "--format", "csv", "--all"))
    assert {"psnr_rgb (dB)", "ssim_rgb"} < {row["metric"] for row in every}


def test_classes_are_rows(run: Path) -> None:
    assert rows_of(told("table", run, "--by", "class", "--format", "csv")) == [
        {"class": "car", "metric": "AP (%)", "support": "7", "rain": "10.00", "classical": "30.00"},
        {"class": "bus", "metric": "AP (%)", "support": "7", "rain": "20.00", "classical": ""},
    ]


def test_slices_that_are_not_there_are_refused(run: Path) -> None:
    with pytest.raises(UserError, match="no slices by 'weather'; it has timeofday"):
        told("table", run, "--by", "weather")
    with pytest.raises(UserError, match="give one folder"):
        told("table", run, run, "--by", "timeofday")


def test_a_leaderboard_of_one_run_twice_is_that_run(run: Path) -> None:
    rows = rows_of(told("leaderboard", run, run, "--format", "csv"))
    assert [row["derainer"] for row in rows] == ["rain", "classical", "clean"]
    page = told("leaderboard", run, "--format", "html")
    assert '<th scope="row">classical</th>' in page
    assert rows_of((run / "records.csv").read_text())[0]["protocol_hash"] in page


def test_tables_are_written_to_files(run: Path, tmp_path: Path) -> None:
    assert told("table", run, "--format", "latex", "--out", tmp_path / "table.tex") == ""
    assert (tmp_path / "table.tex").read_text().startswith("\\begin{tabular}{lrrr}")
    assert told("table", run, "--format", "json", "--out", tmp_path / "table.json") == ""
    assert json.loads((tmp_path / "table.json").read_text())["streets"][0]["derainer"] == "rain"
    with pytest.raises(UserError, match="--out FILE"):
        told("table", run, "--format", "parquet")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("correlations.csv", ["correlate"]),
        ("disagreements.csv", ["correlate", "--disagreements"]),
        ("slices.csv", ["table", "--by", "timeofday"]),
        ("per_class.csv", ["table", "--by", "class"]),
    ],
)
def test_a_table_that_was_tampered_with_is_told(run: Path, name: str, words: list[str]) -> None:
    before = (run / name).read_bytes()
    try:
        (run / name).write_text("dataset,value\nstreets,1\n")
        with pytest.raises(UserError, match=rf"{name}: lacks the columns"):
            told(words[0], run, *words[1:])
        (run / name).write_text("dataset,value\nstreets,much\n")
        with pytest.raises(UserError, match=rf"{name}: damaged"):
            told(words[0], run, *words[1:])
    finally:
        (run / name).write_bytes(before)


def test_parquet_holds_the_records(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    told("table", run, "--format", "parquet", "--out", tmp_path / "records.parquet")
    found = pd.read_parquet(tmp_path / "records.parquet")
    expected = pd.read_csv(run / "records.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert found["value"].dtype == float


def test_without_a_second_task_nothing_is_correlated(run: Path) -> None:
    assert told("correlate", run).startswith("nothing to correlate")
    assert told("correlate", run, "--format", "csv").startswith("dataset,derainer,task,model,quality,score,spearman")
    assert "quality_gain" in told("correlate", run, "--disagreements", "--format", "csv")
