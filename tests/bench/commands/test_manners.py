"""How the command line behaves in scripts, logs and shells."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from bench import __version__
from bench.cli import app
from bench.commands.options import listed
from bench.io.images import read_image, write_png
from tests.bench.cli_call import TWO_ROWS, Call

COMMANDS = [*sorted(typer.main.get_command(app).commands), "weights import"]  # type: ignore[attr-defined]


def test_quiet_says_nothing_verbose_says_every_image_and_both_are_refused(call: Call, tmp_path: Path) -> None:
    quiet = call("run", "suite.toml", "--out", "out", "--device", "cpu", "--quiet")
    assert (quiet.status, quiet.out, quiet.error) == (0, "", "")
    verbose = call("run", "suite.toml", "--out", "out2", "--device", "cpu", "--verbose")
    assert "done photos rain quality a in " in verbose.error
    assert "DEBUG photos rain quality 'a' in " in (tmp_path / "out2/run.log").read_text()
    assert call("run", "suite.toml", "--quiet", "--verbose").status == 2


def test_quiet_still_says_failures(call: Call, photos: Path) -> None:
    (photos / "images/c.jpg").write_bytes(b"")
    done = call("run", "suite.toml", "--out", "out", "--device", "cpu", "--quiet")
    assert (done.status, done.out) == (1, "")
    assert "c.jpg: not a readable image" in done.error


def test_the_version_and_the_exit_statuses_are_told(call: Call) -> None:
    assert call("--version").out == f"derainbench {__version__}\n"
    told = " ".join(call("--help").out.split())
    for status in ("0 all is well", "1 some images failed", "2 the command has to be mended", "130 stopped"):
        assert status in told


def test_no_color_is_obeyed(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    colour = re.compile(r"\x1b\[[\d;]*3\d")
    for wanted in (True, False):
        environment = {**os.environ, "FORCE_COLOR": "1", "TERM": "xterm", **({} if wanted else {"NO_COLOR": "1"})}
        done = subprocess.run(
            [sys.executable, "-m", "bench.cli", "run", "no.toml"], env=environment, capture_output=True, text=True
        )
        assert bool(colour.search(done.stderr)) is wanted, done.stderr


def test_scripts_get_json_of_everything(call: Call, photos: Path) -> None:
    def told(*arguments: object, status: int = 0) -> Any:
        done = call(*arguments)
        assert done.status == status, done.error
        return json.loads(done.out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))

    call("run", "suite.toml", "--out", "out", "--device", "cpu")
    rain, clean = told("table", "out", "--format", "json")["photos"]
    assert (rain["derainer"], rain["images"], clean["psnr_y (dB)"]) == ("rain", "5/5", None)
    assert isinstance(rain["psnr_y (dB)"], float)
    long = told("table", "out", "--layout", "long", "--format", "json")["records"]
    assert {"dataset", "metric", "value", "protocol"} <= set(long[0])
    assert told("verify", "out", "--json") == {"faults": []}
    (row,) = [row for row in told("compare", "out", "clean", "rain", "--format", "json") if row["metric"] == "ssim_y"]
    assert row["difference"] == pytest.approx(1 - rain["ssim_y"], abs=1e-4)
    assert "prenet" in {row["name"] for row in told("list", "derainers", "--json")}
    assert {"machine", "libraries", "extras", "weights"} <= set(told("doctor", "--json"))
    assert all(row["passed"] for row in told("check-derainer", "rain", "--json"))
    same = told("score", photos / "images", photos / "images", "--json")
    assert (same[0]["image"], same[0]["ssim_y"]) == ("a", 1)
    (photos / "images/c.jpg").write_bytes(b"")
    assert told("doctor", "--data", "photos/images", "--json", status=1)["faults"][0]["image"] == "c"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_commands_options_suites_and_derainers(shell: str, tmp_path: Path) -> None:
    def complete(line: str) -> str:
        words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1), "_TYPER_COMPLETE_ARGS": line}
        environment = {**os.environ, **words, "_DERAINBENCH_COMPLETE": f"complete_{shell}"}
        environment["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
        code = "import sys; from bench.cli import app; sys.argv = ['derainbench']; app(prog_name='derainbench')"
        return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True).stdout

    assert "verify" in complete("derainbench ver")
    assert "--derainers" in complete("derainbench run --der")
    assert "coco350" in complete("derainbench run coco")
    assert "prenet" in complete("derainbench derain pren")


@pytest.mark.parametrize("command", COMMANDS)
def test_no_help_is_cut_off_or_broken_where_the_source_is(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = CliRunner().invoke(app, [*command.split(), "--help"]).output
    assert "…" not in told
    assert max(map(len, told.splitlines())) <= 80
    (_, *paragraphs) = re.split(r"\n\s*\n", told.partition("Usage")[2].partition("╭")[0])
    for paragraph in paragraphs:
        lines = [line.strip() for line in paragraph.splitlines()]
        for line, following in pairwise(lines):  # a line ends where the next word would not have fitted
            assert len(f"{line} {following.split()[0]}") > 76, f"{line!r} is followed by {following!r}"


def test_what_is_harmless_in_a_folder_is_a_note_and_no_fault(call: Call, photos: Path) -> None:
    grey = read_image(photos / "images/a.jpg")[:, :, :1].repeat(3, axis=2)
    write_png(photos / "images/f.png", grey)
    done = call("doctor", "--data", f"mine={photos / 'images'}")
    assert (done.status, "notes" in done.out, "no faults found" in done.out) == (0, True, True), done.error
    (photos / "images/c.jpg").write_bytes(b"")
    done = call("doctor", "--data", photos / "images")
    assert (done.status, "notes" in done.out, "faults" in done.out) == (1, True, True)


def test_a_folder_that_is_left_out_may_still_be_named(call: Call, photos: Path, tmp_path: Path) -> None:
    more = '[datasets.more]\nsource = "folder"\nroot = "more"\n'
    (tmp_path / "two.toml").write_text(TWO_ROWS.replace('["rain",', '["rain", "classical",') + more)
    words = ("run", "two.toml", "--data", f"photos={photos}", "--data", "more=absent", "--available", "--dry-run")
    done = call(*words, "--device", "cpu")
    assert done.status == 0, done.error
    assert "left out: dataset more" in done.error
    wrong = call(*words, "--data", "other=absent", "--device", "cpu")
    assert "no dataset that reads 'other'" in wrong.error


def test_a_folder_that_is_not_there_is_not_to_be_left_out_of_itself(call: Call) -> None:
    done = call("calibrate", "coco350_y", "--source", "absent")
    assert (done.status, done.error.strip()) == (2, "error: absent: no such folder")


def test_an_error_before_the_first_image_stands_alone(call: Call) -> None:
    done = call("run", "suite.toml", "--derainers", "rain,prenett", "--device", "cpu")
    assert done.error.startswith("error: unknown derainer")


def test_rows_are_split_at_commas_up_to_a_command_that_may_hold_some() -> None:
    assert listed(["rain, clean", "mine=folder:out"]) == ["rain", "clean", "mine=folder:out"]
    tool = "tool=command:t --set a,b {input} {output}"
    assert listed([tool, "rain"]) == [tool, "rain"]
    assert listed([f"rain,x=onnx:net.onnx,{tool}"]) == ["rain", "x=onnx:net.onnx", tool]
    assert listed(["a.py:command_like,command:t {input} {output}"]) == [
        "a.py:command_like",
        "command:t {input} {output}",
    ]


def test_a_list_of_rows_may_be_longer_than_the_name_of_a_file() -> None:
    rows = [f"row{number}" for number in range(60)]
    assert listed([",".join(rows)]) == rows
    assert listed(["rain,~nobody-of-this-name/a.py"]) == ["rain", "~nobody-of-this-name/a.py"]


def test_a_reader_that_closes_the_pipe_is_no_fault(call: Call, tmp_path: Path) -> None:
    call("run", "suite.toml", "--out", "out", "--device", "cpu", "--no-report")
    line = f"{sys.executable} -m bench.cli table out --format csv --layout long | true; echo ${{PIPESTATUS[0]}}"
    root = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=root, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.stdout.strip() in ("0", "1"), done.stderr  # typer ends with 1 when nobody reads any more
