"""What may go wrong while a benchmark runs, with real processes, real signals and a real small disk."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.api.run import run_suite
from bench.api.verify import verify_run
from bench.errors import UserError
from bench.io.images import png_key, read_image, write_png
from bench.runner.outcome import Outcome
from bench.runner.progress import Silent
from bench.runs.digests import discard_changed
from bench.suites.suite import Suite, override
from tests.bench.cli_call import TWO_ROWS

pytestmark = pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs Linux: signals, /proc, tmpfs")

FACTORY = "def build(options):\n    return restore\n"
SLOW = "import time\ndef restore(image):\n    time.sleep(0.3)\n    return 255 - image\n" + FACTORY
IMAGES = "abcde"


def derainer(body: str) -> str:
    return f"import os, signal, sys, time\nimport numpy as np\ndef restore(image):\n    {body}\n{FACTORY}"


@pytest.fixture
def folder(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with photographs and a suite, in which commands are given."""
    (tmp_path / "suite.toml").write_text(TWO_ROWS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "bench.cli", "run", "suite.toml", "--device", "cpu", *arguments]


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command(*arguments), capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def run(suite: Suite, out: Path, *rows: str, **options: object) -> list[str]:
    """Run in this process; the failures, one line each."""
    suite = override(suite, derainers=rows or ("rain", "clean"))
    result = run_suite(suite, out, roots={"photos": out.parent / "photos"}, **options)  # type: ignore[arg-type]
    return [f"{each.derainer} {each.image}: {each.reason}" for each in result.failures]


def tables_of(out: Path) -> Mapping[str, bytes]:
    """Everything a run writes that must not depend on how it came about."""
    names = ["records.csv", "per_image.csv", "failures.csv", "tables/photos.csv"]
    return {name: (out / name).read_bytes() for name in names}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def wait_for(there: Callable[[], object], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while not there() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.002)
    assert there(), "it never came"


def children_of(pid: int) -> set[int]:
    """The processes below one, whatever their distance."""
    found = {int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    return found.union(*map(children_of, found))


def gone(pids: set[int]) -> bool:
    return not any(Path(f"/proc/{pid}/exe").exists() for pid in pids)


def test_killed_again_and_again_at_every_stage_it_ends_as_if_nothing_had_been(folder: Path, suite: Suite) -> None:
    (folder / "slow.py").write_text(SLOW)
    stages = {"rain": "data/photos/rows/*.json", "restored": "restored/photos/slow/?.png",
              "evidence": "evidence/photos/rain/quality/?.json"}  # fmt: skip
    arguments = ["--derainers", "rain,slow.py:build,clean", "--workers", "2", "--out", "out"]
    for files in stages.values():
        with subprocess.Popen(command(*arguments), stderr=subprocess.DEVNULL, text=True) as process:
            wait_for(lambda files=files: list(folder.glob(f"out/{files}")), process)  # type: ignore[misc]
            workers = children_of(process.pid)
            process.kill()
        assert process.returncode == -signal.SIGKILL
        until = time.monotonic() + 10
        while not gone(workers) and time.monotonic() < until:
            time.sleep(0.01)
        assert gone(workers), "workers go on without anybody to tell"
        assert (folder / "out/.lock").exists(), "the lock of a dead process holds nobody up"
    assert run(suite, folder / "out", "rain", "slow.py:build", "clean") == []
    assert run(suite, folder / "whole", "rain", "slow.py:build", "clean") == []
    assert tables_of(folder / "out") == tables_of(folder / "whole")
    assert verify_run(folder / "out") == []
    assert not (folder / "out/.lock").exists()


def test_ctrl_c_ends_the_workers_too(folder: Path) -> None:
    (folder / "slow.py").write_text(SLOW.replace("0.3", "600"))
    arguments = command("--derainers", "slow.py:build", "--workers", "2", "--out", "out")
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: list(folder.glob("out/data/photos/card.json")), process)
        time.sleep(0.5)
        workers = children_of(process.pid)
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=60)[1]
    assert process.returncode == 130, error
    assert "Traceback" not in error
    assert "What is finished is kept" in error
    assert gone(workers)


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Callable[[str], None]]:
    """A disk of its own in memory; what is given out changes its mount options."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    place.mkdir()

    def mount(*options: str) -> subprocess.CompletedProcess[str]:
        words = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(place)]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    if (done := mount(f"size={size}")).returncode:
        pytest.skip(f"mounting a small disk is not allowed here: {done.stderr.strip()}")
    try:
        yield lambda options: mount("remount", options).check_returncode()
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("size", ["32k", "160k"])
def test_a_full_disk_is_said_and_with_more_room_it_goes_on(size: str, folder: Path, suite: Suite) -> None:
    with small_disk(folder / "disk", size) as change:
        done = call("--out", "disk/out")
        assert done.returncode == 2, done.stderr
        last = done.stderr.splitlines()[-1]
        assert last.startswith("error: disk/out/")
        assert "cannot be written (No space left on device). What is finished is kept: make room" in last
        assert not list((folder / "disk").rglob("*.part"))
        finished = {path: path.stat().st_mtime_ns for path in (folder / "disk").rglob("restored/*/*/*.png")}
        change("size=64m")
        assert call("--out", "disk/out").returncode == 0
        assert all(path.stat().st_mtime_ns == when for path, when in finished.items()), "something was made twice"
        assert run(suite, folder / "whole") == []
        assert tables_of(folder / "disk/out") == tables_of(folder / "whole")


def test_a_read_only_disk_is_said(folder: Path) -> None:
    with small_disk(folder / "disk", "64m") as change:
        change("ro")
        done = call("--out", "disk/out")
        assert done.returncode == 2
        (said,) = filter(None, done.stderr.splitlines())
        assert "cannot be written (Read-only file system)" in said


def test_a_second_process_in_a_folder_is_sent_away_and_the_first_is_not_disturbed(folder: Path) -> None:
    (folder / "slow.py").write_text(
        derainer("while not os.path.exists('go'):\n        time.sleep(0.05)\n    return image")
    )
    arguments = ["--derainers", "slow.py:build", "--out", "out"]
    with subprocess.Popen(command(*arguments), stderr=subprocess.DEVNULL, text=True) as first:
        wait_for(lambda: list(folder.glob("out/data/photos/card.json")), first)
        second = call(*arguments)
        assert first.poll() is None
        assert second.returncode == 2
        who = f"process {first.pid} on {os.uname().nodename}"
        assert f"out: {who} works in this folder. Wait for it, end it, or give another" in second.stderr
        (folder / "go").touch()
        assert first.wait(60) == 0
    assert call(*arguments).returncode == 0


WRONG = {
    "raises": ("raise ValueError('not with me')", "ValueError: not with me"),
    "exits": ("sys.exit(0)", "SystemExit: 0"),
    "nan": ("return np.full(image.shape, np.nan)", "changed a: expected (64, 96, 3) uint8, got (64, 96, 3) float64"),
    "shape": ("return image[1:]", "expected (64, 96, 3) uint8, got (63, 96, 3) uint8"),
    "type": ("return 'done'", "returned no image for a: expected a NumPy array (64, 96, 3) uint8, got str"),
    "memory": ("return np.ones(1 << 50)", "MemoryError: Unable to allocate 8.00 PiB"),
}


def test_derainers_that_fail_in_every_way_have_a_row_of_reasons_and_the_others_finish(folder: Path) -> None:
    for name, (body, _) in WRONG.items():
        (folder / f"{name}.py").write_text(derainer(body))
    done = call("--derainers", ",".join(["rain", *(f"{name}.py:build" for name in WRONG), "clean"]), "--out", "out")
    assert done.returncode == 1
    failures = rows_of(folder / "out/failures.csv")
    for name, (_, reason) in WRONG.items():
        mine = [row for row in failures if row["derainer"] == name]
        assert [row["image"] for row in mine] == list(IMAGES)
        assert reason in mine[0]["reason"]
    assert len(failures) == len(WRONG) * len(IMAGES)
    images = {row["derainer"]: row["images"] for row in rows_of(folder / "out/tables/photos.csv")}
    assert images == {"rain": "5/5", **dict.fromkeys(WRONG, ""), "clean": "5/5"}


@pytest.mark.slow
def test_a_derainer_that_hangs_or_dies_at_one_image_costs_that_image(folder: Path, suite: Suite) -> None:
    upright = "if image.shape[0] > image.shape[1]: "  # that is e alone
    (folder / "hangs.py").write_text(derainer(upright + "time.sleep(600)\n    return 255 - image"))
    (folder / "dies.py").write_text(derainer(upright + "os.kill(0, signal.SIGKILL)\n    return 255 - image"))
    (folder / "good.py").write_text(derainer("return 255 - image"))
    rows = ["hangs.py:build", "dies.py:build", "good.py:build"]
    assert run(suite, folder / "out", *rows, workers=2, time_limit_seconds=12.0) == [
        "hangs e: took more than 12 s",
        "dies e: its process was ended by SIGKILL; out of memory?",
    ]
    images = {row["derainer"]: row["images"] for row in rows_of(folder / "out/tables/photos.csv")}
    assert images == {"hangs": "4/5", "dies": "4/5", "good": "5/5"}


def test_the_first_failure_ends_the_work_if_asked_to(folder: Path) -> None:
    (folder / "raises.py").write_text(derainer("raise ValueError('not with me')"))
    done = call("--derainers", "rain,raises.py:build,clean", "--fail-fast", "--out", "out")
    assert done.returncode == 1
    assert [(row["derainer"], row["image"]) for row in rows_of(folder / "out/failures.csv")] == [("raises", "a")]
    assert not (folder / "out/restored/photos/clean").exists(), "nothing more is begun"
    assert len(list((folder / "out/restored/photos/rain").iterdir())) == 5


def test_only_missing_replaces_nothing_and_counts_nothing_that_is_out_of_date(folder: Path, suite: Suite) -> None:
    mine = folder / "mine.py"
    mine.write_text(derainer("return 255 - image"))
    assert run(suite, folder / "out", "rain", "mine.py:build") == []
    before = {path: path.read_bytes() for path in (folder / "out").rglob("restored/*/*/*.png")}
    mine.write_text(derainer("return 254 - image"))
    failures = run(suite, folder / "out", "rain", "mine.py:build", "clean", existing="keep")
    assert [failure.split(":")[0] for failure in failures] == [f"mine {id}" for id in IMAGES]
    assert "made with another derainer, model, image or code; run without --only-missing" in failures[0]
    assert all(path.read_bytes() == content for path, content in before.items())
    images = {row["derainer"]: row["images"] for row in rows_of(folder / "out/tables/photos.csv")}
    assert images == {"rain": "5/5", "mine": "", "clean": "5/5"}
    both = call("--data", "photos=photos", "--rebuild", "--only-missing", "--out", "out")
    assert both.returncode == 2
    assert "--rebuild replaces everything and --only-missing nothing" in both.stderr


def spoil_restored(out: Path) -> None:
    """Another picture under the old picture's key, as an image editor would leave it."""
    path = out / "restored/photos/rain/c.png"
    write_png(path, 255 - read_image(path), png_key(path))


def spoil_rainy(out: Path) -> None:
    path = out / "data/photos/rainy/c.png"
    write_png(path, 255 - read_image(path))


def spoil_evidence(out: Path) -> None:
    path = out / "evidence/photos/rain/quality/c.json"
    content = json.loads(path.read_text())
    content["qualities"]["psnr_y"] = "99.0"
    path.write_text(json.dumps(content))


class Made(Silent):
    """Notes what is done again."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str]] = []

    def advance(self, outcome: Outcome) -> None:
        self.rows.append((outcome.row.derainer, outcome.row.task, outcome.id))


@pytest.mark.parametrize(
    ("spoil", "again"),
    [
        (spoil_restored, [("rain", "", "c")]),
        (spoil_rainy, [("", "", "c")]),
        (spoil_evidence, [("rain", "quality", "c")]),
    ],
)
def test_what_was_changed_on_disk_is_made_again(
    spoil: Callable[[Path], None], again: list[tuple[str, str, str]], folder: Path, suite: Suite
) -> None:
    out, made = folder / "out", Made()
    assert run(suite, out) == []
    files = {path: path.read_bytes() for path in out.rglob("*.png")}
    tables = tables_of(out)
    spoil(out)
    with pytest.warns(UserWarning, match="1 files were changed after the last run and are made again"):
        assert run(suite, out, progress=made) == []
    assert made.rows == again
    assert tables_of(out) == tables
    assert {path: path.read_bytes() for path in out.rglob("*.png")} == files
    assert verify_run(out) == []


def test_an_image_changed_in_a_run_that_never_ended_is_not_judged(folder: Path, suite: Suite) -> None:
    out = folder / "out"
    run(suite, out)
    tables = tables_of(out)
    spoil_restored(out)
    (out / "digests.csv").unlink()
    shutil.rmtree(out / "evidence")
    (failure,) = run(suite, out)
    assert failure.startswith("rain c: ")
    assert "its pixels were changed after they were written. It is removed: give the same command again" in failure
    assert {row["images"] for row in rows_of(out / "tables/photos.csv")} == {"4/5", "5/5"}
    assert run(suite, out) == []
    assert tables_of(out) == tables


def test_evidence_changed_in_a_run_that_never_ended_is_not_believed(folder: Path, suite: Suite) -> None:
    out, made = folder / "out", Made()
    run(suite, out)
    tables = tables_of(out)
    spoil_evidence(out)
    (out / "digests.csv").unlink()
    assert run(suite, out, progress=made) == []
    assert made.rows == [("rain", "quality", "c")]
    assert tables_of(out) == tables


def test_a_changed_byte_of_a_model_is_another_model(folder: Path, suite: Suite) -> None:
    torch = pytest.importorskip("torch")
    torch.jit.script(torch.nn.ReLU()).save("net.pt")
    row = "net=torchscript:net.pt"
    assert run(suite, folder / "out", row) == []
    content = bytearray((folder / "net.pt").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "net.pt").write_bytes(content)
    made = Made()
    run(suite, folder / "out", row, progress=made)
    assert [row for row in made.rows if not row[1]] == [("net", "", id) for id in IMAGES], "nothing is reused"


def test_damaged_digests_stop_a_run_that_goes_on(tmp_path: Path) -> None:
    (tmp_path / "digests.csv").write_text("name,sha256\nrestored/a.png,0\n")
    with pytest.raises(UserError, match=r"digests\.csv: damaged .* Remove it to go on"):
        discard_changed(tmp_path)
    assert (tmp_path / "digests.csv").exists()


def test_digests_that_point_out_of_the_run_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "precious").touch()
    (tmp_path / "out/digests.csv").write_text("file,sha256\nrestored/../../precious,0\n../precious,0\n")
    assert discard_changed(tmp_path / "out") == []
    assert (tmp_path / "precious").exists()
    assert not (tmp_path / "out/digests.csv").exists()
