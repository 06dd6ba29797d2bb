"""Building, verifying, examining, calibrating: the data half of the library, on real files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import data
from bench.config import Suite, dataset_config
from bench.errors import UserError
from bench.images import read_image, write_png


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
    examined, faults = data.examine_folder("data", photos / "images")
    assert examined["images"].tolist() == [5]
    assert set(faults["image"]) == {"b"}


def test_a_dataset_of_a_suite_can_be_changed_and_a_new_one_named() -> None:
    assert dataset_config("coco350", {"count": 7}).count == 7
    assert dataset_config("mine", {"source": "pairs"}).root == "mine"
    with pytest.raises(UserError, match="unknown dataset 'mine'"):
        dataset_config("mine", {})
    with pytest.raises(UserError, match="count"):
        dataset_config("coco350", {"count": 0})


def test_calibration_without_a_published_target_asks_for_one(photos: Path) -> None:
    with pytest.raises(UserError, match="--psnr and --ssim"):
        data.calibrate_rain("streets", photos / "images")
    with pytest.raises(UserError, match="at least 8 photographs"):
        data.calibrate_rain("coco350_y", photos / "images")


def test_sheets_are_pictures(photos: Path, tmp_path: Path) -> None:
    data.draw_rain_sheet("coco350_y", photos / "images", tmp_path / "rain.png", count=2)
    data.draw_scene_sheet(tmp_path / "scenes.png", width=160, height=96)
    for name in ("rain.png", "scenes.png"):
        assert np.ptp(read_image(tmp_path / name)) > 100


def test_only_coco_can_be_fetched(suite: Suite, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="COCO only"):
        data.fetch_photographs(suite.datasets["photos"], tmp_path)
