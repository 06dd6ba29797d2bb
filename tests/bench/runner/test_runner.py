"""The whole way, end to end, on real files."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.api.run import open_suite, plan_run, run_suite
from bench.contract import Record
from bench.errors import MissingExtraError, UserError
from bench.io.images import read_image, write_png
from bench.runner.outcome import Outcome
from bench.runs.card import read_card
from bench.runs.records import read_records
from bench.scoring.scores import RunResult
from bench.suites.suite import Suite, override, parse_suite

INVERT = "def build(options):\n    return lambda image: 255 - image\n"
SLOW = """
import time
def restore(image):
    time.sleep(0.3)
    return 255 - image
def build(options):
    return restore
"""
PICKY = """
def restore(image):
    if image.shape[0] > image.shape[1]:
        raise RuntimeError("upright images are not for me")
    return image // 2 * 2
def build(options):
    return restore
"""


class Count:
    """Counts what is done, stage by stage and row by row."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[int, int]] = {}
        self.done: Counter[tuple[str, str]] = Counter()

    def begin(self, stage: str, images: int, done: int) -> None:
        self.found[stage] = (images, done)

    def advance(self, outcome: Outcome) -> None:
        self.done[outcome.row.derainer, outcome.row.task] += 1


Run = Callable[..., tuple[RunResult, Count]]


@pytest.fixture
def run(suite: Suite, photos: Path, tmp_path: Path) -> Run:
    """Run the suite into a folder, and count what is done."""

    def start(out: str = "run", suite: Suite = suite, **options: object) -> tuple[RunResult, Count]:
        count = Count()
        result = run_suite(suite, tmp_path / out, roots={"photos": photos}, progress=count, **options)  # type: ignore[arg-type]
        return result, count

    return start


def tables_of(folder: Path) -> Mapping[str, bytes]:
    """Everything a run writes that must not depend on how it came about."""
    names = ["records.csv", "per_image.csv", "failures.csv", *(f"tables/{p.name}" for p in folder.glob("tables/*"))]
    return {name: (folder / name).read_bytes() for name in names}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def value(records: list[Record], derainer: str, metric: str) -> Record:
    return next(record for record in records if (record.derainer, record.metric) == (derainer, metric))


def with_rows(suite: Suite, *derainers: object) -> Suite:
    return override(suite, derainers=[str(derainer) for derainer in derainers])


def test_a_run_ends_with_records_tables_images_and_evidence(run: Run, tmp_path: Path) -> None:
    result, count = run()
    assert count.found == {"render": (5, 0), "restore": (15, 0), "judge": (15, 0)}
    assert result.failures == []
    out = tmp_path / "run"
    assert read_records(out) == [replace(record, value=round(record.value, 6)) for record in result.records]
    assert {record.derainer for record in result.records} == {"rain", "classical", "clean"}
    assert {(record.dataset, record.task, record.expected) for record in result.records} == {("photos", "quality", 5)}
    assert value(result.records, "clean", "ssim_y").value == 1
    assert value(result.records, "clean", "identical_images").value == 5
    assert value(result.records, "rain", "psnr_y").value < 40
    wide = {row["derainer"]: row for row in rows_of(out / "tables/photos.csv")}
    assert list(wide) == ["rain", "classical", "clean"]
    assert {row["images"] for row in wide.values()} == {"5/5"}
    assert wide["clean"]["psnr_y (dB)"] == ""
    assert sorted(path.stem for path in (out / "restored/photos/classical").iterdir()) == list("abcde")
    assert sorted(path.stem for path in (out / "evidence/photos/rain/quality").iterdir()) == list("abcde")
    assert rows_of(out / "failures.csv") == []
    assert read_card(out).rows == ["rain", "classical", "clean"]


def test_the_numbers_are_those_of_scikit_image_on_the_written_images(run: Run, tmp_path: Path) -> None:
    from skimage.metrics import peak_signal_noise_ratio

    run()
    found = {
        (row["derainer"], row["image"]): float(row["value"])
        for row in rows_of(tmp_path / "run/per_image.csv")
        if row["metric"] == "psnr_rgb"
    }
    assert len(found) == 10  # equal images have no PSNR
    for (derainer, id), psnr in found.items():
        restored = read_image(tmp_path / f"run/restored/photos/{derainer}/{id}.png")
        clean = read_image(tmp_path / f"run/data/photos/clean/{id}.png")
        assert psnr == pytest.approx(peak_signal_noise_ratio(clean, restored, data_range=255), abs=1e-5)


def test_a_second_run_does_nothing_and_writes_the_same_bytes(run: Run, tmp_path: Path) -> None:
    run()
    before = tables_of(tmp_path / "run")
    _, count = run()
    assert count.found == {"render": (0, 5), "restore": (0, 15), "judge": (0, 15)}
    assert not count.done
    assert tables_of(tmp_path / "run") == before


def test_two_runs_in_two_folders_write_the_same_bytes(run: Run, tmp_path: Path) -> None:
    run("one")
    run("two")
    assert tables_of(tmp_path / "one") == tables_of(tmp_path / "two")


def test_two_workers_write_the_bytes_of_one(run: Run, suite: Suite, tmp_path: Path) -> None:
    for name, source in (("picky", PICKY), ("mine", INVERT)):
        (tmp_path / f"{name}.py").write_text(source)
    rows = with_rows(suite, "rain", f"{tmp_path / 'picky.py'}:build", f"{tmp_path / 'mine.py'}:build", "clean")
    one, _ = run("one", rows)
    two, _ = run("two", rows, workers=2)
    assert len(one.failures) == 1
    assert two.records == one.records
    assert tables_of(tmp_path / "one") == tables_of(tmp_path / "two")


def test_what_a_user_has_to_mend_comes_home_from_a_worker(run: Run, suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from bench.errors import MissingExtraError\n"
        "def build(options):\n    raise MissingExtraError('Net', 'torch', 'mine')\n"
    )
    with pytest.raises(MissingExtraError, match="mine needs Net, which is not installed"):
        run("run", with_rows(suite, f"{tmp_path / 'mine.py'}:build"), workers=2)


def test_killed_in_the_middle_it_goes_on_where_it_was(suite: Suite, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "suite.toml").write_text(
        'derainers = ["rain", "slow.py:build", "clean"]\n[tasks.quality]\n[datasets.photos]\nsource = "folder"\n'
        'root = "photos"\nrain = "coco350_y"\nparameters = { images = "images", masks = "masks" }\n'
    )
    command = [sys.executable, "-m", "bench.cli", "run", "suite.toml", "--data", "photos=photos", "--device", "cpu"]
    with subprocess.Popen([*command, "--out", "run"], cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
        restored = tmp_path / "run/restored/photos/slow"
        until = time.monotonic() + 60
        while len(list(restored.glob("[a-z].png"))) < 2 and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    finished = {path: path.stat() for path in (tmp_path / "run/restored").rglob("[a-z].png")}
    slow = [path for path in finished if path.parent == restored]
    assert 2 <= len(slow) < 5
    assert not (tmp_path / "run/records.csv").exists()
    again = subprocess.run([*command, "--out", "run"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    for path, before in finished.items():
        now = path.stat()
        assert (now.st_ino, now.st_mtime_ns) == (before.st_ino, before.st_mtime_ns), f"{path} was made again"
    timings = {row["derainer"]: row for row in rows_of(tmp_path / "run/timings.csv") if not row["task"]}
    assert int(timings["slow"]["images"]) == 5 - len(slow)
    whole = subprocess.run([*command, "--out", "whole"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert whole.returncode == 0, whole.stderr
    assert tables_of(tmp_path / "run") == tables_of(tmp_path / "whole")
    assert not list((tmp_path / "run/restored").rglob("[!.]*.part"))


def test_a_truncated_photograph_is_a_failure_and_the_rest_is_scored(photos: Path, tmp_path: Path) -> None:
    path = photos / "images/b.jpg"
    path.write_bytes(path.read_bytes()[:-500])
    (tmp_path / "suite.toml").write_text(
        'derainers = ["rain", "clean"]\n[tasks.quality]\n[datasets.photos]\nsource = "folder"\n'
        'root = "photos"\nrain = "coco350_y"\nparameters = { images = "images" }\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "bench.cli", "run", "suite.toml", "--out", "run", "--device", "cpu"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    failures = rows_of(tmp_path / "run/failures.csv")
    assert [(row["dataset"], row["image"], row["stage"]) for row in failures] == [("photos", "b", "render")]
    assert "b.jpg: truncated or damaged" in failures[0]["reason"]
    wide = rows_of(tmp_path / "run/tables/photos.csv")
    assert [(row["derainer"], row["images"]) for row in wide] == [("rain", "4/5"), ("clean", "4/5")]
    assert {(record.images, record.expected) for record in read_records(tmp_path / "run") if record.unit == ""} == {
        (4, 5)
    }


def test_an_image_that_a_derainer_cannot_do_is_missing_in_its_row_alone(run: Run, suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "picky.py").write_text(PICKY)
    result, _ = run("run", with_rows(suite, "rain", f"{tmp_path / 'picky.py'}:build"))
    failure = result.failures[0]
    assert (failure.derainer, failure.image, failure.stage) == ("picky", "e", "restore")
    assert failure.reason == "RuntimeError: upright images are not for me"
    wide = {row["derainer"]: row["images"] for row in rows_of(tmp_path / "run/tables/photos.csv")}
    assert wide == {"rain": "5/5", "picky": "4/5"}


def test_a_row_without_any_image_stays_in_the_table_with_empty_cells(run: Run, suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "none.py").write_text("def build(options):\n    return lambda image: None\n")
    result, _ = run("run", with_rows(suite, f"{tmp_path / 'none.py'}:build", "clean"))
    assert [failure.image for failure in result.failures] == list("abcde")
    first = rows_of(tmp_path / "run/tables/photos.csv")[0]
    assert first.pop("derainer") == "none"
    assert set(first.values()) == {""}


def test_a_changed_derainer_is_computed_again_and_nothing_else(run: Run, suite: Suite, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(INVERT)
    rows = with_rows(suite, "rain", f"{path}:build", "clean")
    first, _ = run("run", rows)
    path.write_text(INVERT.replace("255", "254"))  # the same size, maybe the same second
    second, count = run("run", rows)
    assert count.found == {"render": (0, 5), "restore": (5, 10), "judge": (5, 10)}
    assert count.done == {("mine", ""): 5, ("mine", "quality"): 5}
    rainy = read_image(tmp_path / "run/data/photos/rainy/a.png")
    assert np.array_equal(read_image(tmp_path / "run/restored/photos/mine/a.png"), 254 - rainy)
    for derainer, same in (("rain", True), ("mine", False), ("clean", True)):
        values = [value(result.records, derainer, "ssim_rgb").value for result in (first, second)]
        assert (values[0] == values[1]) is same


def test_other_rain_leaves_nothing_of_the_old_behind(run: Run, suite: Suite, tmp_path: Path) -> None:
    other = suite.model_copy(
        update={"datasets": {"photos": suite.datasets["photos"].model_copy(update={"rain": "bdd150_rgb"})}}
    )
    first, _ = run("run")
    second, count = run("run", other)
    fresh, _ = run("fresh", other)
    assert second.failures == []
    assert count.found == {"render": (5, 0), "restore": (15, 0), "judge": (15, 0)}
    assert second.records == fresh.records
    assert second.records != first.records
    assert tables_of(tmp_path / "run") == tables_of(tmp_path / "fresh")


def test_an_exchanged_and_a_new_photograph_are_seen(run: Run, photos: Path, tmp_path: Path, image_of) -> None:
    run()
    write_png(photos / "images/f.png", image_of(64, 96, 17))
    (photos / "masks/f.png").write_bytes((photos / "masks/a.png").read_bytes())
    (photos / "images/a.jpg").write_bytes((photos / "images/b.jpg").read_bytes())
    result, count = run()
    assert count.found == {"render": (2, 4), "restore": (6, 12), "judge": (6, 12)}
    assert value(result.records, "rain", "ssim_y").images == 6
    run("fresh")
    assert tables_of(tmp_path / "run") == tables_of(tmp_path / "fresh")


def test_fewer_images_are_fewer_in_the_tables(run: Run, suite: Suite, tmp_path: Path) -> None:
    run()
    result, count = run("run", override(suite, count=2))
    assert count.found["render"] == (0, 2)
    assert {(record.images, record.expected) for record in result.records if record.unit == ""} == {(2, 2)}
    run("fresh", override(suite, count=2))
    assert tables_of(tmp_path / "run") == tables_of(tmp_path / "fresh")


@pytest.mark.parametrize("spoil", ["restored", "cut", "evidence"])
def test_a_lost_or_damaged_file_is_made_again(spoil: str, run: Run, tmp_path: Path) -> None:
    run()
    before = tables_of(tmp_path / "run")
    restored, evidence = (tmp_path / f"run/{name}" for name in ("restored/photos/rain/c.png",
                                                                "evidence/photos/rain/quality/c.json"))  # fmt: skip
    if spoil == "restored":
        restored.unlink()
    elif spoil == "cut":
        restored.write_bytes(b"")
    else:
        evidence.write_bytes(evidence.read_bytes()[:-9])
    _, count = run()
    assert count.found["restore"][0] == (0 if spoil == "evidence" else 1)
    assert count.found["judge"][0] in (0, 1)
    assert tables_of(tmp_path / "run") == before


def test_rebuild_does_everything_again(run: Run, tmp_path: Path) -> None:
    run()
    before = tables_of(tmp_path / "run")
    _, count = run(existing="rebuild")
    assert count.found == {"render": (5, 0), "restore": (15, 0), "judge": (15, 0)}
    assert tables_of(tmp_path / "run") == before


def test_foreseeing_says_what_would_be_done_and_does_nothing(
    run: Run, suite: Suite, photos: Path, tmp_path: Path
) -> None:
    outlook = plan_run(open_suite(suite, {"photos": photos}), tmp_path / "run")
    assert (outlook.render.images, outlook.restore.images, outlook.judge.images) == (5, 0, 0)
    assert not (tmp_path / "run").exists()
    run()
    more = with_rows(suite, "rain", "clean", f"twin={_file(tmp_path)}:build")
    outlook = plan_run(open_suite(more, {"photos": photos}), tmp_path / "run")
    assert (outlook.render.images, outlook.restore.images) == (0, 5)
    assert (outlook.render.done, outlook.restore.done, outlook.judge.done) == (5, 10, 10)
    assert not (tmp_path / "run/restored/photos/twin").exists()


def _file(folder: Path) -> Path:
    path = folder / "mine.py"
    path.write_text(INVERT)
    return path


def test_a_photograph_that_came_after_foreseeing_is_in_the_run(
    run: Run, suite: Suite, photos: Path, tmp_path: Path, image_of
) -> None:
    plan_run(open_suite(suite, {"photos": photos}), tmp_path / "run")
    write_png(photos / "images/f.png", image_of(64, 96, 17))
    (photos / "masks/f.png").write_bytes((photos / "masks/a.png").read_bytes())
    result, _ = run()
    assert {record.expected for record in result.records} == {6}


def test_two_rows_of_one_name_and_a_task_that_the_data_cannot_answer_are_refused(
    run: Run, suite: Suite, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="two rows are called 'rain'"):
        run("run", with_rows(suite, "rain", "rain"))
    wants = parse_suite(
        'derainers = ["rain"]\n[tasks.detection]\nmodel = "ultralytics:x.pt"\n[datasets.photos]\nsource = "folder"\n'
        'root = "photos"\nrain = "coco350_y"\nparameters = { images = "images" }\n', "t", "t",
    )  # fmt: skip
    with pytest.raises(UserError, match="detection"):
        run("run", wants)
    assert not (tmp_path / "run/records.csv").exists()


def test_when_no_photograph_is_usable_the_run_says_so(run: Run, photos: Path) -> None:
    for path in (photos / "images").iterdir():
        path.write_bytes(b"")
    with pytest.raises(UserError, match="photos: none of the 5 chosen images could be rendered"):
        run()


def test_odd_names_go_the_whole_way(run: Run, photos: Path, tmp_path: Path) -> None:
    odd = "ä [red]%2F #1 [/x"
    for place, suffix in (("images", "jpg"), ("masks", "png")):
        path = photos / place / f"a.{suffix}"
        path.rename(photos / place / f"{odd.replace('/', '_')}.{suffix}")
    result, _ = run(workers=2)
    assert result.failures == []
    assert {row["image"] for row in rows_of(tmp_path / "run/per_image.csv")} == {*"bcde", odd.replace("/", "_")}


def test_a_table_of_a_dataset_that_left_the_suite_does_not_stay(run: Run, suite: Suite, tmp_path: Path) -> None:
    run()
    run("run", suite.model_copy(update={"datasets": {"renamed": suite.datasets["photos"]}}))
    assert [path.name for path in (tmp_path / "run/tables").iterdir()] == ["renamed.csv"]


def test_the_process_environment_is_left_alone(run: Run) -> None:
    before = dict(os.environ)
    run()
    assert dict(os.environ) == before


def test_restoring_the_clean_image_is_a_row_of_its_own(run: Run, suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(INVERT)
    mine = f"{tmp_path / 'mine.py'}:build"
    run("out", with_rows(suite, "rain", mine, "clean", f"clean+{mine}"))
    restored = tmp_path / "out/restored/photos"
    for name, source in (("mine", "rainy"), ("clean+mine", "clean")):
        expected = 255 - read_image(tmp_path / f"out/data/photos/{source}/c.png")
        assert np.array_equal(read_image(restored / name / "c.png"), expected)
