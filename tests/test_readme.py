"""What the README shows is run here as it stands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.runs.records import read_records

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def block(marker: str) -> str:
    """The fenced block after an HTML comment."""
    found = re.search(rf"<!-- {re.escape(marker)} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert found, f"README.md has no block {marker!r}"
    return found[1]


def test_your_derainer_in_ten_lines_joins_the_table(tmp_path: Path) -> None:
    code = block("file: mine.py")
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    (tmp_path / "mine.py").write_text(code, encoding="utf-8")
    command = next(line for line in README.splitlines() if "mine.py:build,clean" in line).split()
    done = subprocess.run(
        [sys.executable, "-m", "bench.cli", *command[1:], "--count", "2", "--tasks", "quality", "--out", "run"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = {record.derainer: record.value for record in read_records(tmp_path / "run") if record.metric == "ssim_y"}
    assert list(rows) == ["rain", "classical", "mine", "clean"]
    assert rows["mine"] != rows["rain"]


def write_networks(folder: Path) -> None:
    """The median's cousin as exported networks: a mean over the same five pixels of a row."""
    import torch

    pool = torch.nn.AvgPool2d((1, 5), stride=1, padding=(0, 2))
    torch.jit.trace(pool, torch.rand(1, 3, 64, 96)).save(folder / "net.pt")
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    sides = ["n", 3, "h", "w"]
    x, y = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, sides) for name in "xy")
    node = onnx.helper.make_node(
        "AveragePool", ["x"], ["y"], kernel_shape=[1, 5], pads=[0, 2, 0, 2], count_include_pad=1
    )
    graph = onnx.helper.make_graph([node], "mean", [x], [y])
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8),
        folder / "net.onnx",
    )


def test_every_other_route_joins_the_table(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(block("file: mine.py"), encoding="utf-8")
    write_networks(tmp_path)
    for line in block("routes").splitlines():
        words = shlex.split(line)[1:]
        few = ["--count", "2", "--tasks", "quality"] if words[0] == "run" else []
        done = subprocess.run(
            [sys.executable, "-m", "bench.cli", *words, *few, "--device", "cpu"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    rows = {
        run: {
            name: [replace(record, derainer="") for record in read_records(tmp_path / run) if record.derainer == name]
            for name in names
        }
        for run, names in {
            "run5": ("rain", "mine", "matlab"), "run6": ("rain", "tool"), "run7": ("net",), "run8": ("net",),
        }.items()
    }  # fmt: skip
    assert rows["run5"]["matlab"] == rows["run5"]["mine"] != rows["run5"]["rain"]
    assert rows["run6"]["tool"] == rows["run6"]["rain"]
    assert rows["run5"]["mine"]
    for mine, theirs in zip(rows["run7"]["net"], rows["run8"]["net"], strict=True):
        assert mine.metric == theirs.metric
        assert mine.value == pytest.approx(theirs.value, rel=1e-3)


def test_the_library_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(block("python: library"), "README.md", "exec"), {"__name__": "readme"})  # noqa: S102
    assert "clean ssim_y 1.0" in capsys.readouterr().out


def test_every_command_that_is_shown_exists() -> None:
    from typer.main import get_command

    from bench.cli import app

    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    shown = set(re.findall(r"(?:^|[`/])derainbench ([\w-]+)", README, re.MULTILINE))
    assert shown <= known
    assert {"run", "table", "derain", "score", "list"} <= shown


def test_the_two_commands_make_environments_of_their_own() -> None:
    for marker in ("run command", "test command"):
        assert block(marker).startswith("python3 -m venv ")
