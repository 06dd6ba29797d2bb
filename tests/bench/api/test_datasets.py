"""Building, verifying, examining, calibrating: the data half of the library, on real files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.api import datasets as data
from bench.api.rain import calibrate_rain, draw_rain_sheet, draw_scene_sheet
from bench.errors import UserError
from bench.io.images import read_image, write_png
from bench.runs.records import read_records
from bench.suites.suite import Suite, dataset_config
from tests.bench.cli_call import TWO_ROWS, Call


def test_a_built_dataset_verifies_until_a_pixel_changes(suite: Suite, photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "built"
    dataset, failures = data.build_dataset("photos", suite.datasets["photos"], photos, folder)
    assert (len(dataset.ids), failures) == (5, [])
    assert not data.verify_dataset(folder)
    image = read_image(folder / "rainy/c.png").copy()
    image[3, 4, 1] ^= 1
    write_png(folder / "rainy/c.png", image)
    (fault,) = data.verify_dataset(folder)
    assert fault.image == "c"


def test_workers_build_the_same_dataset(suite: Suite, photos: Path, tmp_path: Path) -> None:
    config = suite.datasets["photos"]
    data.build_dataset("photos", config, photos, tmp_path / "one")
    data.build_dataset("photos", config, photos, tmp_path / "two", workers=2)
    for name in ("manifest.csv", "card.json", "rainy/a.png", "rows/e.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_faults_of_a_folder_are_named(photos: Path) -> None:
    (photos / "images/b.jpg").write_bytes(b"")
    found = data.examine_folder("data", photos / "images")
    assert found.sources["images"].tolist() == [5]
    assert set(found.faults["image"]) == {"b"}


def test_a_dataset_of_a_suite_can_be_changed_and_a_new_one_named() -> None:
    assert dataset_config("coco350", {"count": 7}).count == 7
    assert dataset_config("mine", {"source": "pairs"}).root == "mine"
    with pytest.raises(UserError, match="unknown dataset 'mine'"):
        dataset_config("mine", {})
    with pytest.raises(UserError, match="count"):
        dataset_config("coco350", {"count": 0})


def test_calibration_without_a_published_target_asks_for_one(photos: Path) -> None:
    with pytest.raises(UserError, match="--psnr and --ssim"):
        calibrate_rain("streets", photos / "images")
    with pytest.raises(UserError, match="at least 8 photographs"):
        calibrate_rain("coco350_y", photos / "images")


def test_sheets_are_pictures(photos: Path, tmp_path: Path) -> None:
    draw_rain_sheet("coco350_y", photos / "images", tmp_path / "rain.png", count=2)
    draw_scene_sheet(tmp_path / "scenes.png", width=160, height=96)
    for name in ("rain.png", "scenes.png"):
        assert np.ptp(read_image(tmp_path / name)) > 100


def test_only_coco_can_be_fetched(suite: Suite, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="COCO only"):
        data.fetch_photographs(suite.datasets["photos"], tmp_path)


CAMERAS = """
from pathlib import Path

from bench.contract import Classes, Photograph, Truth
from bench.io.images import read_image


class Cameras:
    name = "cameras"
    classes = Classes()

    def __init__(self, folder):
        self.files = {f"{path.parent.name}-{path.stem}": path for path in sorted(folder.glob("*/*.jpg"))}
        self.ids = list(self.files)

    def size(self, id):
        return None

    def load(self, id):
        image = read_image(self.files[id])
        return Photograph(id, image, None, Truth(image.shape[:2]), attributes={"camera": id.split("-")[0]})


def open_cameras(root, parameters):
    return Cameras(Path(root))
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_reader_in_a_file_of_ones_own_serves_a_suite_and_a_build(
    workers: int, photos: Path, tmp_path: Path, call: Call
) -> None:
    (tmp_path / "cameras.py").write_text(CAMERAS)
    suite = TWO_ROWS.replace('"folder"', '"cameras.py:open_cameras"').replace("parameters =", "# ")
    (tmp_path / "own.toml").write_text(suite)
    done = call("run", "own.toml", "--out", "out", "--device", "cpu", "--workers", workers)
    assert done.status == 0, done.error
    assert {record.images for record in read_records(tmp_path / "out") if record.metric == "ssim_y"} == {5}
    assert '"camera": "images"' in (tmp_path / "out/data/photos/rows/images-a.json").read_text()
    read = ("--reader", "cameras.py:open_cameras", "--source", photos, "--rain", "coco350_y", "--workers", workers)
    assert call("build", "mine", *read, "--out", "built").out.strip() == "5 images in built"
    assert call("build", "mine", "--out", "built", "--verify").status == 0
