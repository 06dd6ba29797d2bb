"""A task from outside brings a distance, which is better the lower: every table and page ranks it so."""

from __future__ import annotations

import csv
import importlib
import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.api.report import write_report
from bench.api.run import run_suite
from bench.api.verify import verify_run
from bench.cli import app
from bench.suites.suite import parse_suite

TASK = '''
from bench.contract import ImageMeasure, Measure, Metric, Summary

class Darkness:
    """Two distances of which the second is better the lower, and a count."""
    name, version, model, protocol, scoring = "darkness", "1", "", "mean over images", {}
    fingerprint = "darkness 1"
    needs = frozenset()
    METRICS

    def judge(self, options):
        return lambda images, samples: [{"dark": 255.0 - float(image.mean()), "n": 1.0} for image in images]

    def summarise(self, evidence, truths):
        values = {id: seen["dark"] for id, seen in evidence.items()}
        mean, count = sum(values.values()) / len(values), len(values)
        measures = (Measure("dark@1", mean, "", count, "lower"), Measure("seen", float(count), "", count))
        return Summary(measures, tuple(ImageMeasure(id, "dark@1", value) for id, value in values.items()))

    def resample(self, evidence, truths, weights):
        import numpy as np
        values = np.array([seen["dark"] for seen in (evidence[id] for id in evidence)])
        with np.errstate(invalid="ignore"):
            return {"dark@1": weights @ values / weights.sum(axis=1)}

def build(parameters, classes):
    return Darkness()
'''
DESCRIBED = """
    metrics = (
        Metric("dark@S", better="lower", headline=True, main=True, digits=1, meaning="distance from white"),
        Metric("seen", digits=0),
    )
"""
DERAINERS = """
import numpy as np
def shifted(by):
    return lambda rainy: np.clip(rainy.astype(int) + by, 0, 255).astype(np.uint8)
def brighter(options):
    return shifted(40)
def darker(options):
    return shifted(-40)
"""
SUITE = """
derainers = ["rain", "darker={0}:darker", "brighter={0}:brighter", "clean"]
resamples = 60
[datasets.streets]
source = "streets"
rain = "streets_y"
count = 12
[tasks.darkness]
"""


@pytest.fixture(scope="module", params=[DESCRIBED, ""], ids=["described", "undescribed"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, bool]]:
    """A run of the plug-in, installed as ``pip`` would, with and without a description of its metrics."""
    site = tmp_path_factory.mktemp("site")
    (site / "darkness_task.py").write_text(TASK.replace("    METRICS\n", request.param))
    (site / "derainers_of_mine.py").write_text(DERAINERS)
    information = site / "darkness-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: darkness\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[derainbench.tasks]\ndarkness = darkness_task:build\n")
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    try:
        out = site / "run"
        assert not run_suite(
            parse_suite(SUITE.format(site / "derainers_of_mine.py"), "dark", "dark.toml"), out
        ).failures
        yield out, bool(request.param)
    finally:
        patch.undo()
        sys.modules.pop("darkness_task", None)


def told(*arguments: object) -> str:
    found = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stdout


def test_the_run_is_verified_and_the_card_has_the_description(run: tuple[Path, bool]) -> None:
    out, described = run
    assert verify_run(out) == []
    card = json.loads((out / "card.json").read_text())["tasks"]["streets"]["darkness"]
    assert [metric["name"] for metric in card.get("metrics", [])] == (["dark@S", "seen"] if described else [])


def test_the_lowest_is_best_in_latex_and_on_the_leaderboard(run: tuple[Path, bool]) -> None:
    out, described = run
    latex = {line.split(" & ")[0]: line for line in told("table", out, "--format", "latex").splitlines()}
    number = r"\d+\.\d" if described else r"\d+\.\d{4}"
    assert re.match(rf"brighter & \\textbf{{{number}}} & ", latex["brighter"])
    assert re.match(rf"darker & \\underline{{{number}}} & ", latex["darker"])
    assert "textbf" not in latex["rain"] + latex["clean"]
    heads = ["derainer", "dark@1", "images"] if described else ["derainer", "dark@1", "seen", "images"]
    rows = list(csv.DictReader(io.StringIO(told("leaderboard", out, "--format", "csv"))))
    assert list(rows[0]) == heads, "a count is no headline where somebody said so"
    assert [row["derainer"] for row in rows] == ["rain", "brighter", "darker", "clean"]
    page = told("leaderboard", out, "--format", "html", "--sort", "dark")
    assert re.search(rf'<th scope="row">brighter</th><td><b>{number}</b></td>', page)


def test_the_lowest_is_best_on_the_page(run: tuple[Path, bool]) -> None:
    out, described = run
    text = write_report(out, images=0).path.read_text()
    scores = text[text.index("Scores on streets") :]
    best = [cell for cell in re.findall(r"<tr.*?</tr>", scores, re.DOTALL)[:6] if "best" in cell]
    assert len(best) == 1
    assert "brighter" in best[0]
    assert "darker does harm: it is worse than the rain itself in dark@1 by" in text
    assert ("dark@1, row by row" in text) == described, "a main metric is plotted"


def test_compare_says_which_row_is_ahead(run: tuple[Path, bool]) -> None:
    (row,) = csv.DictReader(io.StringIO(told("compare", run[0], "brighter", "darker", "--format", "csv")))
    assert float(row["difference"]) < 0
    assert (row["metric"], row["better"], row["ahead"]) == ("dark@1", "lower", "brighter")
    assert "brighter" in told("compare", run[0], "darker", "brighter").splitlines()[-2]


def test_counts_have_no_decimals_where_somebody_said_so(run: tuple[Path, bool]) -> None:
    out, described = run
    rows = csv.DictReader((out / "tables/streets.csv").open())
    assert {row["seen"] for row in rows} == {"12" if described else "12.0000"}
