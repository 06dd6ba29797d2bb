"""What the README shows is run here as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.tables import read_records

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


def test_the_library_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(block("python: library"), "README.md", "exec"), {"__name__": "readme"})  # noqa: S102
    assert "clean ssim_y 1.0" in capsys.readouterr().out


def test_every_command_that_is_shown_exists() -> None:
    from typer.main import get_command

    from bench.cli import app

    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    shown = set(re.findall(r"(?:^|[`/])derainbench (\w+)", README, re.MULTILINE))
    assert shown <= known
    assert {"run", "table", "derain", "score", "list"} <= shown


def test_the_two_commands_make_environments_of_their_own() -> None:
    for marker in ("run command", "test command"):
        assert block(marker).startswith("python3 -m venv ")
