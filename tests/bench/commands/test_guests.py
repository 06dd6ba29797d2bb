"""Derainers of other people in every command: one line and a status, whatever they do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bench.cli_call import Call

BODY = "def build(options):\n    return lambda image: (image * 0.9).astype('uint8')\n"
HOSTILE = """
import gc, logging, os, random, sys, warnings
import numpy as np
from PIL import ImageFile
torch = None
try:
    import torch
except ImportError:
    pass
def spoil():
    os.chdir("/")
    os.environ["OMP_NUM_THREADS"] = "3"
    random.seed(0); np.random.seed(0); np.seterr(all="raise")
    warnings.simplefilter("error")
    logging.disable(99)
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    sys.argv[:] = ["mine"]; sys.path[:] = sys.path[-3:]
    sys.setrecursionlimit(400)
    print("spoiled")
    if torch:
        torch.set_default_dtype(torch.float64)
        torch.set_num_threads(3)
        torch.set_grad_enabled(False)
        torch.manual_seed(0)
spoil()
calls = 0
def restore(image):
    global calls
    spoil()
    calls += 1
    if calls == 2:
        sys.exit(0)
    if calls == 3:
        os._exit(0)
    return 255 - image
def build(options):
    spoil()
    return restore
"""


def program(folder: Path, *arguments: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run ``derainbench`` in a process of its own."""
    command = [sys.executable, "-m", "bench.cli", *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def bytes_of(out: Path, row: str) -> dict[str, list[str] | bytes]:
    """All that a run says of one row."""
    tables = {name: (out / name).read_text().splitlines() for name in ("records.csv", "per_image.csv")}
    lines: dict[str, list[str] | bytes] = {
        name: [line for line in text if f",{row}," in line] for name, text in tables.items()
    }
    files = {path for place in ("restored", "evidence") for path in (out / place).rglob("*") if row in path.parts}
    return lines | {str(path.relative_to(out)): path.read_bytes() for path in files if path.is_file()}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_hostile_guest_leaves_the_other_rows_as_they_are(call: Call, tmp_path: Path, workers: int) -> None:
    (tmp_path / "hostile.py").write_text(HOSTILE)
    options = ("run", "suite.toml", "--device", "cpu", "--workers", workers, "--no-report", "--out")
    assert call(*options, "quiet").status == 0
    done = call(*options, "loud", "--derainers", "rain,hostile.py:build,clean")
    assert done.status == 1, done.error
    assert "spoiled" not in done.out
    reasons = (tmp_path / "loud/failures.csv").read_text()
    assert "SystemExit: 0" in reasons
    for row in ("rain", "clean"):
        alone, beside = bytes_of(tmp_path / "quiet", row), bytes_of(tmp_path / "loud", row)
        assert len(alone) > 10
        assert alone == beside
    assert call("verify", "loud").status == 0
    assert Path.cwd() == tmp_path


@pytest.mark.parametrize("place", ["import", "factory", "call"])
def test_a_guest_may_work_in_a_folder_of_its_own(call: Call, tmp_path: Path, place: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/gain.txt").write_text("0.5")
    change, read = "os.chdir(os.path.join(os.path.dirname(__file__), 'sub'))", "float(open('gain.txt').read())"
    lines = {
        "import": f"{change}\ndef build(o):\n    gain = {read}\n    return lambda i: (i * gain).astype('uint8')\n",
        "factory": f"def build(o):\n    {change}\n    return lambda i: (i * {read}).astype('uint8')\n",
        "call": f"def build(o):\n    return mine\ndef mine(i):\n    {change}\n    return (i * {read}).astype('uint8')",
    }
    (tmp_path / "moves.py").write_text(f"import os\n{lines[place]}")
    done = call("run", "suite.toml", "--device", "cpu", "--derainers", "rain,moves.py:build,clean", "--out", "o")
    assert done.status == 0, done.error
    assert (tmp_path / "o/records.csv").is_file()
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["gain.txt"]
    assert call("derain", "moves.py:build", "photos/images", "done").status == 0
    assert len(list((tmp_path / "done").glob("*.png"))) == 5


FAILING = {
    "exits": ("def build(o):\n    import sys\n    return lambda i: sys.exit(0)\n", "SystemExit: 0"),
    "leaves": ("def build(o):\n    import os\n    return lambda i: os._exit(0)\n", "SystemExit: 0"),
    "raises": ("def build(o):\n    return lambda i: 1 / 0\n", "ZeroDivisionError"),
}
UNBUILT = {
    "exits": ("import sys\ndef build(o):\n    sys.exit('no licence')\n", "SystemExit: no licence"),
    "leaves": ("import os\ndef build(o):\n    os._exit(0)\n", "SystemExit: 0"),
    "asserts": ("def build(o):\n    assert False, 'no GPU'\n", "AssertionError: no GPU"),
    "takes nothing": ("def build():\n    return lambda i: i\n", "TypeError"),
    "asks": ("from argparse import *\ndef build(o):\n    p = ArgumentParser()\n    p.add_argument('w'); p.parse_args()",
             "SystemExit: 2"),
    "import": ("import sys\nsys.exit(0)\n", "SystemExit: 0"),
    "number": ("build = 5\n", "not callable"),
    "traits": ("class D:\n    traits = {}\n    def __call__(self, i): return i\ndef build(o):\n    return D()\n",
               "traits are dict"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAILING)
def test_a_guest_that_fails_at_an_image_is_told_by_every_command(call: Call, tmp_path: Path, fault: str) -> None:
    source, words = FAILING[fault]
    (tmp_path / "bad.py").write_text(source)
    done = call("check-derainer", "bad.py:build")
    assert (done.status, words in done.out) == (1, True)
    done = call("derain", "bad.py:build", "photos/images", "done")
    assert done.status == 1
    assert "0 of 5 images restored" in done.out


@pytest.mark.parametrize("fault", UNBUILT)
def test_a_factory_that_fails_is_one_line(call: Call, tmp_path: Path, fault: str) -> None:
    source, words = UNBUILT[fault]
    (tmp_path / "bad.py").write_text(source)
    for arguments in (["check-derainer", "bad.py:build"], ["derain", "bad.py:build", "photos/images", "done"]):
        done = call(*arguments)
        assert done.status == 2, done.out
        line = done.error.splitlines()[-1]
        assert line.startswith("error: ")
        assert words in line
        assert "usage: derainbench" not in done.error


@pytest.mark.parametrize("fault", ["exits", "leaves", "asserts"])
def test_the_cost_of_what_cannot_be_built_is_a_row(tmp_path: Path, fault: str) -> None:
    (tmp_path / "bad.py").write_text(UNBUILT[fault][0])
    options = ("--repeats", 1, "--warm-up", 0, "--size", "32x32", "--device", "cpu")
    done = program(tmp_path, "cost", "--derainers", "bad.py:build,rain", *options, "--out", "cost.csv")
    assert done.returncode == 1
    bad, rain = (tmp_path / "cost.csv").read_text().splitlines()[1:]
    assert UNBUILT[fault][1] in bad
    assert rain.endswith(",")


STUCK = {
    "thread": "import threading, time\ndef build(o):\n    threading.Thread(target=time.sleep, args=(600,)).start()\n",
    "process": "import multiprocessing, time\ndef build(o):\n"
    "    multiprocessing.get_context('fork').Process(target=time.sleep, args=(600,)).start()\n",
}


@pytest.mark.parametrize("left", STUCK)
def test_what_a_guest_leaves_running_is_not_waited_for(tmp_path: Path, left: str, image_of) -> None:
    (tmp_path / "stuck.py").write_text(STUCK[left] + "    return lambda image: image.copy()\n")
    started = time.monotonic()
    done = program(tmp_path, "check-derainer", "stuck.py:build", "--json")
    assert done.returncode == 0
    assert all(finding["passed"] for finding in json.loads(done.stdout))
    assert "ended without waiting for what a plug-in left running" in done.stderr
    options = ("--repeats", 1, "--warm-up", 0, "--size", "32x32", "--device", "cpu")
    assert program(tmp_path, "cost", "--derainers", "stuck.py:build", *options).returncode == 0
    assert time.monotonic() - started < 100


def test_json_stays_json_whatever_a_guest_prints(tmp_path: Path) -> None:
    (tmp_path / "prints.py").write_text(
        "import os, sys, subprocess\nprint('import')\ndef build(o):\n    print('build')\n    return restore\n"
        "def restore(image):\n    print('call'); os.write(1, b'C'); subprocess.run(['echo', 'child'])\n"
        "    sys.__stdout__.write('old'); return image.copy()\n"
    )
    done = program(tmp_path, "check-derainer", "prints.py:build", "--json")
    assert all(finding["passed"] for finding in json.loads(done.stdout))
    assert all(word in done.stderr for word in ("import", "build", "call", "child", "old"))


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_guest_cannot_take_ctrl_c_away(tmp_path: Path) -> None:
    (tmp_path / "deaf.py").write_text(
        "import signal, time\nfrom pathlib import Path\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        + BODY.replace("return lambda", "Path('built').touch()\n    return lambda")
    )
    script = (
        "import os, signal, sys\nfrom bench.api.derainers import build_derainer, find_derainer\n"
        "from bench.contract import Options\nbuild_derainer(find_derainer('deaf.py:build'), Options())\n"
        "os.kill(os.getpid(), signal.SIGINT)\nsys.exit('deaf')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "KeyboardInterrupt" in done.stderr
    assert (tmp_path / "built").is_file()


def test_a_program_that_calls_a_command_goes_on_whatever_runs_beside_it(tmp_path: Path) -> None:
    (tmp_path / "caller.py").write_text(
        "import sys, threading, time\n"
        "from bench.cli import main\n"
        "from bench.commands.program import PATIENCE_SECONDS\n"
        "threading.Thread(target=time.sleep, args=(PATIENCE_SECONDS + 2,)).start()\n"
        "sys.argv[1:] = ['list', 'tasks']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "time.sleep(PATIENCE_SECONDS + 1)\nsys.stdout.write('went on')\n"
    )
    done = subprocess.run([sys.executable, "caller.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout[-7:]) == (0, "went on"), done.stderr
