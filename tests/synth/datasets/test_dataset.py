import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from bench.errors import ImageError, UserError
from synth.datasets.build import open_builder
from synth.datasets.dataset import FolderDataset, open_dataset, verify
from synth.datasets.recipe import Recipe
from synth.sources.coco import open_coco

ID = "000000000020"


@pytest.fixture
def dataset(coco_folder: Path, tmp_path: Path) -> FolderDataset:
    builder = open_builder(Recipe("mini", "coco", coco_folder, rain="coco350_y"), tmp_path / "out")
    assert builder.render(builder.ids) == []
    return builder.finish()


def test_samples_are_the_photographs_with_rain(dataset: FolderDataset, coco_folder: Path) -> None:
    source = open_coco(coco_folder, {})
    assert dataset.ids == source.ids
    assert dataset.classes == source.classes
    sample, photograph = dataset.load(ID), source.load(ID)
    assert sample.clean is not None
    assert photograph.clean is not None
    np.testing.assert_array_equal(sample.clean, photograph.clean)
    assert (sample.rainy != sample.clean).any()
    ours, theirs = sample.truth.instances, photograph.truth.instances
    assert ours is not None
    assert theirs is not None
    np.testing.assert_array_equal(ours.boxes, theirs.boxes)
    np.testing.assert_array_equal(ours.crowd, theirs.crowd)
    np.testing.assert_array_equal(ours.areas, theirs.areas)
    assert ours.masks == theirs.masks
    empty = dataset.truth("000000000060").instances
    assert empty is not None
    assert len(empty.boxes) == 0


def test_numbers_and_digests(dataset: FolderDataset) -> None:
    assert [dataset.image_id(id) for id in dataset.ids] == [10, 20, 30, 40, 50, 60]
    assert len({dataset.digest(id) for id in dataset.ids}) == 6
    again = open_dataset(dataset.folder)
    assert [again.digest(id) for id in again.ids] == [dataset.digest(id) for id in dataset.ids]
    assert verify(again) == ()


@pytest.mark.parametrize("place", ["rainy", "clean"])
def test_changed_pixels_are_noticed(dataset: FolderDataset, place: str) -> None:
    path = dataset.path(place, ID)
    pixels = np.asarray(Pillow.open(path)).copy()
    pixels[0, 0, 0] ^= 1
    Pillow.fromarray(pixels).save(path)
    with pytest.raises(ImageError, match="not those in the manifest"):
        dataset.load(ID)
    assert [failure.image for failure in verify(dataset)] == [ID]


def test_a_file_of_another_size_is_noticed(dataset: FolderDataset) -> None:
    Pillow.new("RGB", (10, 10)).save(dataset.path("clean", ID))
    with pytest.raises(ImageError, match="expected 64x48"):
        dataset.load(ID)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("card.json", None, "build it first"),
        ("card.json", "{", "not valid JSON"),
        ("card.json", '{"format": 99}', "format 1"),
        ("card.json", '{"format": 1}', "damaged"),
        ("manifest.csv", None, "no such manifest"),
        ("manifest.csv", "id,size\na,b\n", "not the manifest"),
        ("labels/instances.json", None, "no such label file"),
        ("labels/instances.json", "{}", "damaged"),
        ("labels/instances.json", "[]", "COCO instances"),
    ],
)
def test_a_damaged_dataset_is_refused(dataset: FolderDataset, name: str, text: str | None, said: str) -> None:
    if text is None:
        (dataset.folder / name).unlink()
    else:
        (dataset.folder / name).write_text(text)
    with pytest.raises(UserError, match=said):
        open_dataset(dataset.folder)


def test_damaged_labels_spoil_one_image(dataset: FolderDataset) -> None:
    path = dataset.folder / "labels/instances.json"
    content = json.loads(path.read_text())
    content["annotations"][0]["bbox"] = [0, 0, float("nan"), 1]
    path.write_text(json.dumps(content))
    opened = open_dataset(dataset.folder)
    with pytest.raises(ImageError, match="finite"):
        opened.truth("000000000010")
    opened.truth(ID)
