"""A run that was tampered with is found out, with neither models nor PyTorch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from bench.api.run import run_suite
from bench.api.verify import verify_run
from bench.errors import UserError
from bench.runs.digests import check_digests, write_digests
from bench.suites.suite import Suite, load_suite, override


@pytest.fixture
def out(suite: Suite, photos: Path, tmp_path: Path) -> Path:
    run_suite(suite.model_copy(update={"resamples": 50}), tmp_path / "out", roots={"photos": photos})
    return tmp_path / "out"


@pytest.fixture(scope="module")
def sliced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of drawn streets by day and at night."""
    out = tmp_path_factory.mktemp("sliced") / "out"
    suite = override(load_suite("streets"), count=6, derainers=["rain", "classical"], tasks=["quality"])
    run_suite(suite.model_copy(update={"resamples": 50}), out)
    return out


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_an_untouched_run_passes_and_passes_again_when_it_is_moved(out: Path, tmp_path: Path) -> None:
    assert verify_run(out) == []
    out.rename(tmp_path / "elsewhere")
    assert verify_run(tmp_path / "elsewhere") == []


def test_a_run_of_somebody_else_runs_no_file_of_theirs(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(out)
    (out / "evil.py").write_text("from pathlib import Path\nPath('ran').touch()\n")
    card = json.loads((out / "card.json").read_text())
    card["tasks"]["photos"] = {"evil.py:build": card["tasks"]["photos"]["quality"]}
    card["order"]["tasks"] = [["photos", ["evil.py:build"]]]
    (out / "card.json").write_text(json.dumps(card))
    write_digests(out)
    assert [fault for fault in verify_run(out) if fault.startswith("unknown task 'evil.py:build'")]
    assert not (out / "ran").exists()


def test_numbers_of_another_version_are_told_as_such(out: Path) -> None:
    replace(out / "card.json", '"version": "1"', '"version": "0"')  # of the protocol
    replace(out / "card.json", '"version": "1"', '"version": "0"')  # of the task
    write_digests(out)
    (fault,) = verify_run(out)
    assert "task quality: the run's numbers are of version 0, installed is version 1" in fault
    assert "give the run's command again" in fault


@pytest.mark.parametrize(
    "name",
    [
        "evidence/photos/classical/quality/b.json", "card.json", "records.csv", "per_image.csv", "per_class.csv",
        "intervals.csv", "slices.csv", "correlations.csv", "disagreements.csv", "tables/photos.csv",
        "bootstrap/photos/classical/quality.csv", "restored/photos/rain/a.png", "data/photos/manifest.csv",
    ],
)  # fmt: skip
def test_one_flipped_bit_is_found_and_its_file_named(name: str, out: Path) -> None:
    content = bytearray((out / name).read_bytes())
    content[len(content) // 2] ^= 1
    (out / name).write_bytes(content)
    assert any(fault.startswith(f"{name}: changed") for fault in verify_run(out))


def test_numbers_are_compared_even_where_the_digests_were_forged(out: Path) -> None:
    from bench.runs.digests import write_digests

    records = (out / "records.csv").read_text().splitlines()
    line = next(line for line in records if ",classical,quality,,ssim_y," in line)
    value = line.split(",")[5]
    replace(out / "records.csv", value, "0.999000")
    write_digests(out)
    (fault,) = verify_run(out)
    assert fault == f"photos classical quality ssim_y: records.csv says 0.999000, the evidence gives {value}"


@pytest.mark.parametrize(
    ("name", "column", "place"),
    [
        ("per_image.csv", "value", "streets classical quality psnr_y"),
        ("intervals.csv", "low", "streets classical quality ssim_y"),
        ("slices.csv", "value", "streets classical quality timeofday night psnr_y"),
        ("bootstrap/streets/classical/quality.csv", "psnr_y", "(row 3)"),
    ],
)
def test_every_table_is_compared_even_where_the_digests_were_forged(
    name: str, column: str, place: str, sliced: Path
) -> None:
    from bench.runs.digests import write_digests

    assert verify_run(sliced) == []
    before = (sliced / name).read_text()
    frame = pd.read_csv(sliced / name, dtype=str, keep_default_na=False)
    chosen = [all(word in row for word in place.split()) for row in frame.astype(str).agg(" ".join, axis=1)]
    row = 2 if place.startswith("(") else chosen.index(True)
    frame.loc[row, column] = "77.000000"
    frame.to_csv(sliced / name, index=False)
    write_digests(sliced)
    (fault,) = verify_run(sliced)
    (sliced / name).write_text(before)
    write_digests(sliced)
    assert fault.startswith(f"{name}: ")
    assert f" has {column} 77.000000 instead of " in fault
    assert all(word in fault for word in place.split())


def test_rows_that_were_dropped_or_added_are_named(sliced: Path) -> None:
    from bench.runs.digests import write_digests

    before = (sliced / "per_image.csv").read_text()
    lines = before.splitlines(keepends=True)
    (sliced / "per_image.csv").write_text("".join([*lines[:3], *lines[4:], "streets,mine,quality,,a,psnr_y,99.0\n"]))
    write_digests(sliced)
    faults = verify_run(sliced)
    assert "per_image.csv: streets mine quality a psnr_y is there, but the evidence does not give it" in faults
    assert sum("is missing" in fault for fault in faults) == 1
    (sliced / "per_image.csv").write_text(before)
    write_digests(sliced)


def test_a_run_of_another_schema_is_not_half_verified(out: Path) -> None:
    replace(out / "card.json", '"schema_version": 3', '"schema_version": 2')
    faults = verify_run(out)
    assert faults[-1].startswith("card.json: of schema 2, this version knows 3: give the run's command again")


def test_missing_and_added_files_are_named(out: Path) -> None:
    (out / "evidence/photos/rain/quality/a.json").unlink()
    (out / "extra.txt").touch()
    faults = verify_run(out)
    assert "evidence/photos/rain/quality/a.json: absent" in faults
    assert "extra.txt: not part of the run" in faults


def test_a_damaged_card_is_a_fault_and_no_traceback(out: Path) -> None:
    card = json.loads((out / "card.json").read_text())
    del card["tasks"]["photos"]["quality"]["scoring"]
    (out / "card.json").write_text(json.dumps(card))
    assert any("tasks.photos.quality.scoring" in fault for fault in verify_run(out))


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"digests\.csv: no such file"):
        verify_run(tmp_path)


def test_no_model_library_is_needed(out: Path) -> None:
    code = f"""
import sys
from importlib.abc import MetaPathFinder
class Absent(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in {{"torch", "torchvision", "ultralytics", "segmentation_models_pytorch"}}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
from pathlib import Path
from bench.api.verify import verify_run
assert verify_run(Path({str(out)!r})) == []
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
@pytest.mark.network
def test_an_environment_of_the_light_core_verifies_a_run(out: Path, tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "light"], check=True)
    python = tmp_path / "light/bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", "-c", root / "constraints.txt", "-e", root], check=True)
    assert subprocess.run([python, "-c", "import torch"], capture_output=True, check=False).returncode == 1
    subprocess.run([tmp_path / "light/bin/derainbench", "verify", out], check=True)


@pytest.mark.shared
def test_detections_and_label_maps_are_scored_again_without_their_models(
    out: Path, shared: Path, tmp_path: Path
) -> None:
    pytest.importorskip("segmentation_models_pytorch")
    model = {"semantic": f"smp:{shared / 'models/semantic/camvid_fpn'}"}
    suite = override(load_suite("camvid"), derainers=["rain", "clean"], models=model, count=2)
    run_suite(suite, tmp_path / "camvid", roots={"camvid": shared / "data/camvid"})
    assert verify_run(tmp_path / "camvid") == []
    replace(tmp_path / "camvid/card.json", "recorded:camvid_fpn", "recorded:another")
    assert verify_run(tmp_path / "camvid") == [
        "card.json: changed",
        "card.json: protocols.camvid.semantic: not what the dataset and the task give",
    ]


@pytest.mark.parametrize(
    "content", [b"file,sha256\n\x90\xff,1\n", b"name,digest\na,b\n", b'file,sha256\n"' + b"a" * 200_000]
)
def test_damaged_digests_are_the_users_to_mend(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "digests.csv").write_bytes(content)
    with pytest.raises(UserError, match=r"digests\.csv: damaged"):
        check_digests(tmp_path)
