"""The command line through its entry point: exit statuses, one-line errors, what is printed and written."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import typer.main
from PIL import Image as Pillow

from bench.cli import app
from bench.io.images import read_image, write_png
from tests.bench.cli_call import MINE, TWO_ROWS, Call

COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_shows_an_example(command: str, call: Call) -> None:
    done = call(command, "--help")
    assert done.status == 0
    assert f"derainbench {command}" in done.out.replace("Usage: derainbench", "")
    assert "Example" in done.out


def test_no_command_shows_what_there_is(call: Call) -> None:
    done = call()
    assert {"run", "table", "derain", "score", "list", "doctor"} <= set(COMMANDS)
    assert all(command in done.out + done.error for command in COMMANDS)


MISTAKES: list[tuple[str, list[str], str]] = [
    ("unknown suite", ["run", "coco305"], "unknown suite 'coco305'. Did you mean coco350"),
    ("no such suite file", ["run", "absent.toml"], "suite absent.toml: no such file"),
    ("unknown key", ["run", "wrong.toml"], "wrong.toml: datasets.photos.colour: unknown name"),
    ("not TOML", ["run", "mine.py.toml"], "mine.py.toml: not valid TOML"),
    ("unknown derainer", ["run", "suite.toml", "--derainers", "rian"], "unknown derainer 'rian'. Did you mean rain"),
    ("no such derainer file", ["run", "suite.toml", "--derainers", "no.py:build"], "no such file no.py"),
    ("one name twice", ["run", "suite.toml", "--derainers", "rain,rain"], "two rows are called 'rain'"),
    ("unknown task", ["run", "suite.toml", "--tasks", "qualty"], "unknown task 'qualty'. Did you mean quality?"),
    ("task without model", ["run", "suite.toml", "--tasks", "detection"], "task 'detection': parameter 'model'"),
    ("model of another task", ["run", "suite.toml", "--model", "detection=u:x"], "not part of this run"),
    ("model without task", ["run", "suite.toml", "--model", "u:x"], "--model u:x: expected TASK=BACKEND:CHECKPOINT"),
    ("wrong size", ["run", "suite.toml", "--size", "640"], "--size 640: expected WIDTHxHEIGHT"),
    (
        "photographs not given",
        ["run", "coco350", "--derainers", "rain,clean"],
        "dataset coco350: its folder is not known",
    ),
    ("no such folder", ["run", "suite.toml", "--data", "photos=absent"], "absent is no folder"),
    ("folder of nothing", ["run", "suite.toml", "--coco", "empty"], "no dataset that reads 'coco'"),
    ("empty folder", ["run", "suite.toml", "--data", "photos=empty"], "empty"),
    (
        "no such weights folder",
        ["run", "suite.toml", "--weights-dir", "absent"],
        "--weights-dir absent: no such folder",
    ),
    ("no such device", ["run", "suite.toml", "--device", "quantum"], "--device quantum"),
    ("no run", ["table", "empty"], "records.csv: no such file"),
    ("nothing to derain", ["derain", "rain", "empty", "out"], "empty: no images here"),
    ("no such image", ["derain", "rain", "absent.png", "out"], "absent.png: no such file or folder"),
    ("output is no PNG", ["derain", "rain", "photos/images/a.jpg", "out.jpg"], "out.jpg: restored images are written"),
    ("weights offline", ["derain", "prenet", "photos/images", "out", "--offline"], "--offline is set"),
    (
        "dry share of no photographs",
        ["train", "mspfn-light", "--pairs", "rain100h=empty", "--clean-share", "0.1"],
        "--clean-share: is a share of the photographs, and there are none",
    ),
    ("no partner", ["score", "photos/images", "photos"], "no images here"),
]


@pytest.mark.parametrize(("arguments", "message"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES])
def test_a_users_mistake_is_one_line_and_status_2(
    arguments: list[str], message: str, call: Call, tmp_path: Path
) -> None:
    if "--device" in arguments or "prenet" in arguments:
        pytest.importorskip("torch")
    (tmp_path / "wrong.toml").write_text(TWO_ROWS.replace('rain = "coco350_y"', 'colour = "red"'))
    (tmp_path / "mine.py.toml").write_text(MINE)
    before = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    done = call(*arguments)
    assert done.status == 2, done.error
    assert message in done.error
    errors = [line for line in done.error.splitlines() if line.strip()]
    assert len(errors) == 1, "more than one line"
    assert errors[0].startswith("error: ")
    assert done.out == ""
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == before, "something was written"


def test_a_file_without_its_factory_is_said_before_any_rain(call: Call) -> None:
    done = call("run", "suite.toml", "--derainers", "mine.py:make", "--out", "out", "--device", "cpu")
    assert done.status == 2
    assert "Traceback" not in done.error
    last = done.error.splitlines()[-1]
    assert last.startswith("error: mine: ")
    assert last.endswith("has no 'make'; expected a function of that name")
    assert "Rain" not in done.error


def test_an_output_that_is_a_file_is_one_line(call: Call, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    done = call("run", "suite.toml", "--out", "taken", "--device", "cpu")
    assert done.status == 2
    assert "Traceback" not in done.error
    assert "taken" in done.error


@pytest.mark.parametrize(
    "arguments",
    [["run", "--count", "0"], ["run", "--workers", "none"], ["table"], ["list", "rains"], ["fly"], ["run", "--fast"]],
    ids=" ".join,
)
def test_a_wrong_option_is_status_2_without_a_traceback(arguments: list[str], call: Call) -> None:
    done = call(*arguments)
    assert done.status == 2
    assert "Traceback" not in done.error


def test_run_prints_and_writes_the_table_and_table_prints_it_again(call: Call, tmp_path: Path) -> None:
    done = call("run", "suite.toml", "--derainers", "rain,mine.py:build,clean", "--out", "out", "--device", "cpu")
    assert done.status == 0, done.error
    for word in ("photos", "mine", "clean", "psnr_y", "5/5", "Tables, records and evidence: out"):
        assert word in done.out
    wide = call("table", "out", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(wide.out)))
    assert [row["derainer"] for row in rows] == ["rain", "mine", "clean"]
    assert list(csv.DictReader(io.StringIO(call("table", "out", "--format", "csv", "--layout", "long").out))) == list(
        csv.DictReader((tmp_path / "out/records.csv").open(encoding="utf-8"))
    )
    assert call("table", "out", "--format", "md").out.startswith("| derainer")
    assert "\\begin{tabular}" in call("table", "out", "--format", "latex").out
    assert "psnr_rgb" in call("table", "out", "--all", "--format", "csv").out
    assert call("table", "out", "--dataset", "other").status == 2
    again = call("run", "suite.toml", "--derainers", "rain,mine.py:build,clean", "--out", "out", "--device", "cpu")
    assert again.out == done.out


def test_a_dry_run_says_what_would_be_done_and_does_nothing(call: Call, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = call("run", "suite.toml", "--out", "out", "--dry-run", "--device", "cpu")
    assert done.status == 0, done.error
    assert "5 images to do, 0 done" in done.out
    assert "yet to be rained on" in done.out
    assert sorted(tmp_path.rglob("*")) == before
    call("run", "suite.toml", "--out", "out", "--device", "cpu")
    assert "10 done" in call("run", "suite.toml", "--out", "out", "--dry-run", "--device", "cpu").out


def test_a_run_with_a_bad_photograph_ends_with_status_1_and_names_the_file_of_reasons(
    call: Call, photos: Path, tmp_path: Path
) -> None:
    (photos / "images/c.jpg").write_bytes(b"")
    done = call("run", "suite.toml", "--out", "out", "--device", "cpu")
    assert done.status == 1
    assert "c.jpg: not a readable image" in done.error
    assert f"1 images failed: {Path('out/failures.csv')}" in done.error
    assert "4/5" in done.out
    assert "Traceback" not in done.error


def test_derain_restores_a_folder_and_a_file(call: Call, photos: Path, tmp_path: Path) -> None:
    done = call("derain", "mine.py:build", "photos/images", "restored", "--device", "cpu")
    assert done.status == 0, done.error
    assert "5 of 5 images restored in restored" in done.out
    image = read_image(photos / "images/a.jpg")
    assert np.array_equal(read_image(tmp_path / "restored/a.png"), 255 - image)
    assert call("derain", "mine.py:build", "photos/images/a.jpg", "one.png", "--device", "cpu").status == 0
    assert np.array_equal(read_image(tmp_path / "one.png"), 255 - image)


def test_derain_with_a_bad_image_ends_with_status_1(call: Call, photos: Path, tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.new("RGB", (20, 20)).save(photos / "images/f.jpg", exif=exif)
    done = call("derain", "rain", "photos/images", "restored", "--device", "cpu")
    assert done.status == 1
    assert "5 of 6 images restored" in done.out
    assert "rotated by EXIF" in done.error
    assert "1 images failed" in done.error


def test_score_prints_a_row_an_image_and_means(call: Call, photos: Path, tmp_path: Path) -> None:
    call("derain", "mine.py:build", "photos/images", "restored", "--device", "cpu")
    done = call("score", "restored", "photos/images")
    assert done.status == 0, done.error
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [row["image"] for row in rows] == list("abcde")
    mean = np.mean([float(row["psnr_y"]) for row in rows])
    assert f"mean psnr_y: {mean:.4f} over 5 images" in done.error
    filed = call("score", "restored", "photos/images", "--out", "scores.csv")
    assert filed.out == ""
    assert (tmp_path / "scores.csv").read_text() == done.out
    write_png(tmp_path / "restored/a.png", np.zeros((9, 9, 3), np.uint8))
    assert call("score", "restored", "photos/images").status == 1


@pytest.mark.parametrize(
    ("what", "names"),
    [
        (
            "derainers",
            [
                "control",
                "real rain",
                "rain",
                "prenet",
                "0.169",
                "593",
                "download",
                "by hand",
                "train it",
                "Ren et al., CVPR 2019",
            ],
        ),
        ("tasks", ["quality", "detection", "semantic", "instances"]),
        ("sources", ["coco", "folder", "bdd"]),
        ("suites", ["streets", "coco350", "camvid"]),
        ("metrics", ["psnr_y", "ssim_y", "AP", "mIoU"]),
    ],
)
def test_list_names_what_can_be_run(what: str, names: list[str], call: Call) -> None:
    done = call("list", what)
    assert done.status == 0, done.error
    assert all(name in done.out for name in names)


def test_derainers_stand_by_kind_and_year_and_json_has_both(call: Call) -> None:
    rows = json.loads(call("list", "derainers", "--json").out)
    places = [(["control", "derain only", "all-in-one", "real rain"].index(row["kind"]), row["year"]) for row in rows]
    assert places == sorted(places, key=lambda place: (place[0], place[1] or 0))
    assert next(row for row in rows if row["name"] == "restormer")["year"] == 2022


def test_an_untrained_derainer_runs_if_allowed_and_stays_out_of_the_tables(call: Call, tmp_path: Path) -> None:
    command = ["run", "suite.toml", "--derainers", "rain,mspfn-m6n3,clean", "--out", "out", "--device", "cpu"]
    refused = call(*command)
    assert refused.status == 2
    assert "nobody publishes weights of mspfn-m6n3" in refused.error
    assert not (tmp_path / "out" / "data" / "photos" / "rainy").exists(), "said before anything is rendered"
    done = call(*command, "--allow-random-weights")
    assert done.status == 0, done.error
    assert "Untrained, so not shown: mspfn-m6n3" in done.out
    records = csv.DictReader(io.StringIO((tmp_path / "out/records.csv").read_text()))
    marks = {(row["derainer"], row["untrained"]) for row in records}
    assert marks == {("rain", "False"), ("mspfn-m6n3", "True"), ("clean", "False")}
    assert "mspfn-m6n3" not in (tmp_path / "out/tables/photos.csv").read_text()
    assert "mspfn-m6n3" not in call("table", "out", "--format", "csv").out
    assert "mspfn-m6n3" in call("table", "out", "--format", "csv", "--untrained").out
    assert call("verify", "out").status == 0
    one = call("derain", "mspfn-m6n3", "photos/images/a.jpg", "a.png", "--allow-random-weights", "--device", "cpu")
    assert one.status == 0
    assert "mspfn-m6n3 is untrained" in one.error


def test_replaced_weights_restore_again(call: Call, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from derainers.networks.mspfn.designs import DESIGNS
    from derainers.networks.mspfn.mspfn import MSPFN

    command = ["run", "suite.toml", "--derainers", "mspfn-without-ffm", "--out", "out", "--device", "cpu"]
    (tmp_path / "weights").mkdir()
    for seed in (0, 1):
        torch.manual_seed(seed)
        file = tmp_path / "weights/mspfn-without-ffm.safetensors"
        save_file(MSPFN(DESIGNS["mspfn-without-ffm"]).state_dict(), file)
        assert "derain: 5 images to do" in call(*command, "--dry-run", "--weights-dir", "weights").out or seed == 0
        assert call(*command, "--weights-dir", "weights").status == 0
    assert "derain: 0 images to do" in call(*command, "--dry-run", "--weights-dir", "weights").out


def test_doctor_tells_versions_extras_and_weights(call: Call) -> None:
    done = call("doctor")
    assert done.status == 0, done.error
    for word in (
        "numpy",
        np.__version__,
        "weights",
        "extras",
        "torch",
        "derainbench[yolo]",
        "derainbench[parquet]",
        "prenet",
    ):
        assert word in done.out


def test_check_model_passes_a_good_one_and_fails_a_bad_one(call: Call, tmp_path: Path) -> None:
    answer = "{'boxes': [[1, 1, 9, 9]], 'scores': [SCORE], 'classes': ['car']}"
    for name, score in (("good", "0.5"), ("bad", "50")):
        code = f"def build(options):\n    return lambda images: [{answer} for _ in images]\n"
        (tmp_path / f"{name}.py").write_text(code.replace("SCORE", score))
    assert call("check-model", "detection=good.py:build", "--device", "cpu").status == 0
    done = call("check-model", "detection=bad.py:build", "--device", "cpu")
    assert done.status == 1
    assert "expected within [0, 1]" in " ".join(done.out.split())
    assert call("check-model", "good.py:build").status == 2


def test_check_derainer_passes_a_good_one_and_fails_a_bad_one(call: Call, tmp_path: Path) -> None:
    assert call("check-derainer", "mine.py:build", "--device", "cpu").status == 0
    (tmp_path / "bad.py").write_text("def build(options):\n    return lambda image: image[1:]\n")
    done = call("check-derainer", "bad.py:build", "--device", "cpu")
    assert done.status == 1
    assert "failed" in done.out


@pytest.mark.skipif(importlib.util.find_spec("resource") is None, reason="needs POSIX signals")
def test_ctrl_c_is_a_line_and_no_traceback_and_the_run_goes_on_afterwards(call: Call, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import time\ndef build(options):\n    return restore\n"
        "def restore(image):\n    time.sleep(0.5)\n    return image\n"
    )
    command = [sys.executable, "-m", "bench.cli", "run", "suite.toml", "--derainers", "slow.py:build", "--out", "out"]
    with subprocess.Popen([*command, "--device", "cpu"], stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 60
        while not list(tmp_path.glob("out/restored/photos/slow/a.png")) and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        error = process.communicate()[1]
    assert process.returncode == 130, error
    assert (
        "stopped. What is finished is kept. To go on:\n  derainbench run suite.toml --derainers slow.py:build" in error
    )
    assert "Traceback" not in error
    assert (tmp_path / "out/restored/photos/slow/a.png").exists()
    again = call("run", "suite.toml", "--derainers", "slow.py:build", "--out", "out", "--device", "cpu")
    assert again.status == 0, again.error
    assert "WARNING stopped after" in (tmp_path / "out/run.log").read_text()
    assert call("verify", "out").status == 0
