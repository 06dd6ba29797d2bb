"""Scripts, file names, rights and folders as they are found in the wild."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.commands.options import listed
from tests.bench.cli_call import Call

SCRIPT = """
from pathlib import Path
from bench.api.run import run_suite
from bench.suites.suite import load_suite
result = run_suite(load_suite("suite.toml"), Path("out"), roots={"photos": Path("photos")}, workers=2)
"""


@pytest.mark.parametrize("way", ["file", "standard input"])
def test_a_script_without_main_guard_is_told_so(call: Call, tmp_path: Path, way: str) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    given = SCRIPT if way == "standard input" else None
    arguments = [] if given else ["script.py"]
    done = subprocess.run(
        [sys.executable, *arguments],
        input=given,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert "if __name__ == '__main__':" in done.stderr.splitlines()[-1]
    assert not list(tmp_path.glob("out/data/**/*.png"))


def test_names_that_are_no_utf_8_are_named(call: Call, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    shutil.copy(tmp_path / "photos/images/a.jpg", tmp_path / "photos/images" / name)
    for arguments in (
        ["run", "suite.toml", "--out", "out", "--device", "cpu"],
        ["score", "photos/images", "photos/images"],
        ["derain", "rain", "photos/images", "done"],
    ):
        done = call(*arguments)
        assert done.status == 2
        assert r"caf\udce9.jpg: this file name is no UTF-8; rename it" in done.error


def test_an_error_that_quotes_such_a_name_is_a_row_of_failures(call: Call, tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text("def build(o):\n    return bad\ndef bad(i):\n    raise ValueError('\\udcff!')\n")
    for _ in range(2):
        done = call("run", "suite.toml", "--device", "cpu", "--derainers", "rain,odd.py:build", "--out", "out")
        assert done.status == 1
        assert r"ValueError: \udcff!" in (tmp_path / "out/failures.csv").read_text()
    assert (tmp_path / "out/records.csv").is_file()


def test_commas_in_paths_are_kept(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a,b.py").write_text("def build(options):\n    return lambda image: 255 - image\n")
    (tmp_path / "x,y,z").mkdir()
    spec = "rain,a,b.py:build,m,n=a,b.py:build,folder:x,y,z,clean"
    assert listed([spec]) == ["rain", "a,b.py:build", "m", "n=a,b.py:build", "folder:x,y,z", "clean"]
    assert listed(["rain,clean", "clean+mine=a,b.py:build"]) == ["rain", "clean", "clean+mine=a,b.py:build"]
    done = call("run", "suite.toml", "--device", "cpu", "--derainers", "rain,mine=a,b.py:build,clean", "--out", "o")
    assert done.status == 0, done.error


def test_a_folder_with_a_run_of_another_suite_is_refused_and_left(call: Call, tmp_path: Path) -> None:
    options = ("--device", "cpu", "--out", "out", "--no-report")
    assert call("run", "suite.toml", *options).status == 0
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    text = (tmp_path / "suite.toml").read_text()
    (tmp_path / "other.toml").write_text(text.replace("datasets.photos", "datasets.others"))
    done = call("run", "other.toml", *options)
    assert done.status == 2
    assert "out: holds a run of suite 'suite'" in done.error
    after = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {path.name for path in before if before[path] != after[path]} <= {"run.log"}
    assert call("verify", "out").status == 0


def test_what_file_managers_leave_is_no_fault(call: Call, tmp_path: Path) -> None:
    assert call("run", "suite.toml", "--device", "cpu", "--out", "out", "--no-report").status == 0
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._records.csv", ".directory"):
        (tmp_path / "out/evidence" / name).write_bytes(b"x")
    assert call("verify", "out").status == 0
    (tmp_path / "out/evidence/stranger.csv").write_bytes(b"x")
    assert "stranger.csv: not part of the run" in call("verify", "out").out


@pytest.mark.parametrize(("mask", "rights"), [(0o077, 0o600), (0o022, 0o644), (0o002, 0o664)])
def test_the_umask_is_kept(call: Call, tmp_path: Path, mask: int, rights: int) -> None:
    before = os.umask(mask)
    try:
        assert call("run", "suite.toml", "--device", "cpu", "--out", "out", "--no-report").status == 0
    finally:
        os.umask(before)
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file() and path.name != ".lock"]
    assert {path.stat().st_mode & 0o777 for path in files} == {rights}
