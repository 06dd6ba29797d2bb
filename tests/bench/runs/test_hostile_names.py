"""Names and links made to do harm, through the commands: nothing outside is written or removed, no name is lost."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from bench.api.datasets import build_dataset
from bench.api.run import run_suite
from bench.errors import UserError
from bench.io.files import safe_name
from bench.runs.digests import write_digests
from bench.suites.suite import Suite
from tests.bench.cli_call import Call

NAMES = [
    "--out",
    "-x y",
    "line\nbreak",
    "tab\tand; $(touch ran) `touch ran`",
    "☂ é 雨",
    "a,b\"'",
    "<b>bold",
    "%2e%2e",
    "~",
]


@pytest.fixture
def strange(photos: Path) -> Path:
    """The photographs and masks under names of all kinds."""
    for place, suffix in (("images", ".jpg"), ("masks", ".png")):
        content = (photos / place / f"a{suffix}").read_bytes()
        for old in (photos / place).iterdir():
            old.unlink()
        for name in NAMES:
            (photos / place / f"{name}{suffix}").write_bytes(content)
    return photos


def test_a_run_keeps_every_name_and_stays_in_its_folder(strange: Path, call: Call, tmp_path: Path) -> None:
    before = {path for path in tmp_path.rglob("*") if "cache" not in path.parts}
    done = call("run", "suite.toml", "--out", "out", "--device", "cpu")
    assert done.status == 0, done.error
    with (tmp_path / "out/per_image.csv").open(newline="", encoding="utf-8") as file:
        assert {row["image"] for row in csv.DictReader(file)} == set(NAMES)
    new = {path for path in tmp_path.rglob("*") if "cache" not in path.parts} - before
    assert {path.relative_to(tmp_path).parts[0] for path in new} <= {"out", "__pycache__"}
    written = (tmp_path / "out/evidence/photos/rain/quality").iterdir()
    assert {path.stem for path in written} == set(map(safe_name, NAMES))
    assert call("verify", "out").status == 0
    again = call("run", "suite.toml", "--out", "out", "--device", "cpu", "--only-missing")
    assert again.status == 0, "what is there is recognised under its name"


def test_plain_folders_with_such_names(strange: Path, call: Call, tmp_path: Path) -> None:
    assert call("derain", "mine.py:build", "photos/images", "restored", "--device", "cpu").status == 0
    assert {path.stem for path in (tmp_path / "restored").iterdir()} == set(NAMES)
    done = call("score", "restored", "photos/images", "--out", "scores.csv")
    assert done.status == 0, done.error
    assert set(pd.read_csv(tmp_path / "scores.csv")["image"]) == set(NAMES)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("place", ["restored", "restored/photos", "data", "bootstrap", ".lock", "run.log"])
def test_links_in_somebodys_run_folder_are_refused(suite: Suite, photos: Path, tmp_path: Path, place: str) -> None:
    outside = tmp_path / "precious"
    outside.mkdir()
    (outside / "thesis.csv").write_text("years of work")
    (outside / "a.png").write_text("a photograph")
    link = tmp_path / "out" / place
    link.parent.mkdir(parents=True)
    link.symlink_to(outside / "thesis.csv" if "." in place else outside)
    (tmp_path / "out/digests.csv").write_text("file,sha256\nrestored/a.png,0\nrestored/photos/a.png,0\n")
    with pytest.raises(UserError, match="symbolic link"):
        run_suite(suite, tmp_path / "out", roots={"photos": photos})
    assert (outside / "thesis.csv").read_text() == "years of work"
    assert (outside / "a.png").read_text() == "a photograph"


def test_a_linked_file_is_replaced_and_not_followed(suite: Suite, photos: Path, tmp_path: Path) -> None:
    run_suite(suite, tmp_path / "out", roots={"photos": photos})
    outside = tmp_path / "thesis.csv"
    outside.write_text("years of work")
    evidence = tmp_path / "out/evidence/photos/rain/quality/a.json"
    for path in (evidence, tmp_path / "out/tables/photos.csv"):
        path.unlink()
        path.symlink_to(outside)
    write_digests(tmp_path / "out")
    run_suite(suite, tmp_path / "out", roots={"photos": photos}, existing="rebuild")
    assert outside.read_text() == "years of work"
    assert not evidence.is_symlink()


def test_a_dataset_is_not_built_through_a_link(suite: Suite, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "built").mkdir()
    (tmp_path / "built/clean").symlink_to(photos / "masks")
    with pytest.raises(UserError, match="clean: is a symbolic link"):
        build_dataset("photos", suite.datasets["photos"], photos, tmp_path / "built")
    assert len(list((photos / "masks").iterdir())) == 5
