from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from bench.contract import Failure
from bench.errors import UserError
from bench.runner.logs import Logged, run_log
from bench.runner.outcome import Outcome
from bench.runner.progress import Silent
from bench.runs.folder import BUILD_LOG, LOG, TRAIN_LOG
from bench.runs.rows import Row
from tests.bench.cli_call import Call

ROW = Row("streets", "mine", "quality")


TINY = """
network = "prenet-small"
steps = 3
batch = 2
crop = 16
every = 2
"""


def lines_of(folder: Path, name: str = LOG) -> list[str]:
    """Lines without their dates."""
    return [line[24:] for line in (folder / name).read_text(encoding="utf-8").splitlines()]


def test_the_log_tells_the_command_the_stages_the_failures_and_the_end(tmp_path: Path) -> None:
    with run_log(tmp_path, ["derainbench", "run", "my suite.toml"]) as log:
        progress = Logged(Silent(), log)
        progress.begin("restore", 2, 1)
        progress.advance(Outcome(ROW, "a", 0.25))
        progress.advance(Outcome(ROW, "b\nc", 0.0, Failure("", "", "", "b", "judge", "bad\nimage")))
        warnings.warn("pixels look odd", stacklevel=1)
    lines = lines_of(tmp_path)
    assert lines[0].startswith("INFO derainbench 0.")
    assert lines[0].endswith(": derainbench run 'my suite.toml'")
    assert lines[1:3] == [
        "INFO restore: 2 images to do, 1 done",
        "ERROR streets mine quality 'b\\nc' failed: bad image",
    ]
    assert "pixels look odd" in "\n".join(lines[3:-1])
    assert lines[-1].startswith("INFO ended after ")


def test_images_that_went_well_are_noted_when_wanted_and_starts_are_appended(tmp_path: Path) -> None:
    for wanted in (False, True):
        with run_log(tmp_path, ["derainbench"], every_image=wanted) as log:
            Logged(Silent(), log).advance(Outcome(ROW, "a", 0.25))
    assert lines_of(tmp_path).count("DEBUG streets mine quality 'a' in 0.250 s") == 1
    assert sum(line.startswith("INFO ended") for line in lines_of(tmp_path)) == 2


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UserError("mend it"), "ERROR ended by: mend it"),
        (KeyboardInterrupt(), "WARNING stopped after"),
        (ZeroDivisionError("x"), "ERROR ended by a fault"),
    ],
)
def test_how_it_ended_badly_is_told(tmp_path: Path, error: BaseException, said: str) -> None:
    with pytest.raises(type(error)), run_log(tmp_path, ["derainbench"]):
        raise error
    assert any(line.startswith(said) for line in lines_of(tmp_path))
    assert ("Traceback" in (tmp_path / LOG).read_text()) is isinstance(error, ZeroDivisionError)


def test_a_log_alone_makes_no_folder_and_loses_no_line_when_it_comes(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(UserError), run_log(folder, ["derainbench"]):
        raise UserError("a wrong name")
    assert not folder.exists()
    with run_log(folder, ["derainbench", "run"]) as log:
        log.info("before")
        folder.mkdir()
    assert [line.split()[0] for line in lines_of(folder)] == ["INFO"] * 3


def test_a_build_and_a_training_are_logged_like_a_run(call: Call, photos: Path, tmp_path: Path) -> None:
    build = (
        "build",
        "mine",
        "--reader",
        "folder",
        "--source",
        photos / "images",
        "--rain",
        "coco350_y",
        "--out",
        "built",
    )
    quiet = call(*build, "--quiet")
    assert (quiet.status, quiet.out, quiet.error) == (0, "", "")
    lines = lines_of(tmp_path / "built", BUILD_LOG)
    assert lines[0].endswith("--out built --quiet")
    assert "INFO render: 5 images to do, 0 done" in lines
    again = call(*build, "--verbose", "--rebuild")
    assert "done mine a in " in again.error
    assert any(line.startswith("DEBUG mine 'a' in ") for line in lines_of(tmp_path / "built", BUILD_LOG))
    assert call(*build, "--quiet", "--verbose").status == 2
    assert call("build", "mine", "--out", "built", "--verify", "--quiet").out == ""


def test_a_build_goes_into_an_empty_folder_whatever_its_log_says(call: Call, photos: Path, tmp_path: Path) -> None:
    build = ("build", "mine", "--reader", "folder", "--source", photos / "images", "--out", "empty", "--rain")
    assert call(*build, "coco_y").status == 2
    assert not list((tmp_path / "empty").iterdir())
    assert call(*build, "coco350_y").status == 0
    assert (tmp_path / "empty" / BUILD_LOG).is_file()


def test_a_training_is_logged_row_by_row_and_is_quiet_when_told(call: Call, photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("lightning_fabric")
    (tmp_path / "tiny.toml").write_text(TINY)
    words = ("train", "tiny.toml", "--photographs", photos / "images", "--device", "cpu", "--out", "trained")
    assert call(*words).out.strip() == "tiny.safetensors in trained"
    lines = lines_of(tmp_path / "trained", TRAIN_LOG)
    assert lines[0].endswith("--out trained")
    assert [line.split(":")[0] for line in lines if " of 3" in line] == ["INFO step 2 of 3", "INFO step 3 of 3"]
    assert lines[-1].startswith("INFO ended after ")
    quiet = call(*words, "--quiet")
    assert (quiet.status, quiet.out, quiet.error) == (0, "", "")


def test_a_log_that_is_a_link_is_refused_before_a_line_is_written(call: Call, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "thesis.txt").write_text("years of work")
    for name in (LOG, BUILD_LOG, TRAIN_LOG):
        (tmp_path / "out" / name).symlink_to(tmp_path / "thesis.txt")
    (tmp_path / "out/rows").mkdir()  # what a build's log waits for
    for words in (
        "run suite.toml --device cpu",
        "build photos --reader folder --source photos",
        "train prenet-small --photographs photos/images --device cpu",
    ):
        done = call(*words.split(), "--out", "out")
        assert done.status == 2
        assert "is a symbolic link" in done.error
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
