"""``derainbench perf`` writes its figures with the machine, and prints what differs between the rows."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from bench.cli import app


def test_figures_come_with_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[object] = []

    def measured(sizes: object, suite: object) -> pd.DataFrame:
        seen.append((tuple(sizes), suite))  # type: ignore[arg-type]
        return pd.DataFrame({"images": [1, 2], "stage": ["whole", "whole"], "peak_bytes": [5, 6]})

    monkeypatch.setattr("bench.perf.memory_growth.memory_growth", measured)
    out = tmp_path / "memory.csv"
    result = CliRunner().invoke(app, ["perf", "memory", "--count", "1", "--count", "2", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert seen == [((1, 2), None)]
    assert "memory; stage whole" in " ".join(result.output.split())
    frame = pd.read_csv(out)
    assert list(frame.columns[:3]) == ["images", "stage", "peak_bytes"]
    assert {"memory_bytes", "system", "processor", "cores", "python"} <= set(frame.columns)
    result = CliRunner().invoke(app, ["perf", "memory", "--count", "1", "--derainers", "rain,clean"])
    assert result.exit_code == 0, result.output
    assert seen[1][1].derainers == ("rain", "clean")  # type: ignore[index]


def test_a_run_that_is_measured_may_be_changed_as_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def measured(suite: object, roots: object) -> pd.DataFrame:
        seen.append((suite, roots))
        return pd.DataFrame({"part": ["rain"], "seconds": [1.0]})

    monkeypatch.setattr("bench.perf.budget.pipeline_budget", measured)
    words = ["perf", "budget", "--suite", "coco350", "--data", "coco=photos", "--derainers", "rain,clean"]
    result = CliRunner().invoke(app, [*words, "--model", "detection=torchvision:net", "--count", "7"])
    assert result.exit_code == 0, result.output
    ((suite, roots),) = seen  # type: ignore[misc]
    assert suite.derainers == ("rain", "clean")
    assert suite.datasets["coco350"].count == 7
    assert suite.tasks["detection"]["model"] == "torchvision:net"
    assert roots == {"coco": Path("photos")}


def test_what_a_measurement_tells_of_the_machine_stands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    figures = pd.DataFrame({"what": ["PSNR"], "ratio": [2.0], "cores": [1]})
    monkeypatch.setattr("bench.perf.metrics.metric_speeds", lambda: figures)
    out = tmp_path / "metrics.csv"
    result = CliRunner().invoke(app, ["perf", "metrics", "--out", str(out)])
    assert result.exit_code == 0, result.output
    frame = pd.read_csv(out)
    assert frame["cores"].tolist() == [1]
    assert list(frame.columns).count("cores") == 1
    assert "processor" in frame
