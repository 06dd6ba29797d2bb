from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as Pillow

from bench.contract import Parameters
from bench.errors import ImageError, UserError
from bench.io.images import read_image
from synth.datasets.build import open_builder
from synth.datasets.recipe import Recipe
from synth.sources.pairs import open_pairs, set_names

Make = Callable[[int, int, int], npt.NDArray[np.uint8]]


def fill(root: Path, names: dict[str, int], width: int = 40) -> Path:
    """Flat images of 30 x width; the value says which is which."""
    for name, value in names.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Pillow.new("RGB", (width, 30), (value, value, value)).save(root / name)
    return root


# Layouts as the sets are published or passed on: the authors' archives, and the collections of PReNet and MPRNet.
LAYOUTS = [
    ("rain100h", {"rainy/rain-001.png": 1, "norain-001.png": 2}, "001"),
    ("rain100l", {"rain/X2/norain-7x2.png": 1, "norain/norain-7.png": 2}, "7"),
    ("rain1800", {"rain-12.png": 1, "norain-12.png": 2, "rainstreak-12.png": 9}, "12"),
    ("rain100h", {"input/3.png": 1, "target/3.png": 2}, "3"),
    ("rain100h", {"inputcrop/3.png": 1, "cleancrop/3.png": 2}, "3"),
    ("rain14000", {"rainy_image/905_14.jpg": 1, "ground_truth/905.jpg": 2}, "905_14"),
    ("rain14000", {"training/rainy_image/1_2.jpg": 1, "training/ground_truth/1.jpg": 2}, "1_2"),
    ("test2800", {"input/901_1.jpg": 1, "target/901_1.jpg": 2}, "901_1"),
    ("rain12", {"rainy/004_in.png": 1, "groundtruth/004_GT.png": 2}, "004"),
    ("test100", {"input/5.png": 1, "target/5.png": 2}, "5"),
    ("bdd350-authors", {"input/b1.jpg": 1, "target/b1.png": 2}, "b1"),
    ("spa-data", {"rain/000.png": 1, "gt/000gt.png": 2}, "000"),
    ("spa-data", {"real_test_1000/rain/999.png": 1, "real_test_1000/gt/999gt.png": 2}, "999"),
    ("realrain1k-h", {"RealRain-1k-H/test/input/4.png": 1, "RealRain-1k-H/test/target/4.png": 2}, "4"),
    ("realrain1k-l", {"RealRain-1k-L/test/input/4.png": 1, "RealRain-1k-L/test/target/4.png": 2}, "4"),
    ("realrain1k-l", {"test/input/4.png": 1, "test/target/4.png": 2}, "4"),
    ("lhp-rain", {"test/input/0001_5.png": 1, "test/target/0001_5.png": 2}, "0001_5"),
    ("weatherbench", {"rain/test/input/a.png": 1, "rain/test/target/a.png": 2}, "a"),
    ("weatherbench", {"input/a.png": 1, "target/a.png": 2}, "a"),
    ("any", {"rainy/x.png": 1, "clean/x.png": 2}, "x"),
]


@pytest.mark.parametrize(("name", "files", "id"), LAYOUTS)
def test_published_layouts(tmp_path: Path, name: str, files: dict[str, int], id: str) -> None:
    source = open_pairs(fill(tmp_path, files), {"set": name})
    assert source.ids == (id,)
    photograph = source.load(id)
    assert photograph.rainy is not None
    assert photograph.clean is not None
    assert abs(int(photograph.rainy[0, 0, 0]) - 1) <= 1
    assert photograph.clean[0, 0, 0] == 2
    assert photograph.truth.size == source.size(id) == (30, 40)


@pytest.mark.parametrize(("name", "rainy_first"), [("rain800", False), ("rain1200", True)])
def test_two_images_in_one_file(tmp_path: Path, name: str, rainy_first: bool) -> None:
    joined = np.zeros((30, 80, 3), dtype=np.uint8)
    joined[:, :40] = 200
    Pillow.fromarray(joined).save(tmp_path / "17.png")
    source = open_pairs(tmp_path, {"set": name})
    photograph = source.load("17")
    assert source.size("17") == (30, 40)
    assert photograph.rainy is not None
    assert photograph.clean is not None
    assert photograph.clean.shape == (30, 40, 3)
    assert (photograph.rainy[0, 0, 0] == 200) is np.bool_(rainy_first)
    Pillow.new("RGB", (81, 30)).save(tmp_path / "18.png")
    with pytest.raises(ImageError, match="odd width 81"):
        open_pairs(tmp_path, {"set": name}).load("18")


def test_real_rain_has_no_truth(tmp_path: Path) -> None:
    photograph = open_pairs(fill(tmp_path, {"street.jpg": 3}), {"set": "real200"}).load("street")
    assert photograph.clean is None
    assert photograph.rainy is not None


def test_names_without_partner_are_reported(tmp_path: Path) -> None:
    files = {"input/1_1.jpg": 1, "input/1_2.jpg": 1, "input/1_10(1).jpg": 1, "target/1_1.jpg": 2, "target/9_1.jpg": 2}
    source = open_pairs(fill(tmp_path, files), {"set": "test2800"})
    assert source.ids == ("1_1", "1_2")
    assert source.unpaired == ["1_10(1)", "1_2", "9_1"]
    with pytest.raises(ImageError, match="no such image"):
        source.load("1_2")


def test_pairs_of_different_sizes(tmp_path: Path) -> None:
    fill(tmp_path, {"rainy/1.png": 1})
    fill(tmp_path, {"clean/1.png": 1}, width=41)
    with pytest.raises(ImageError, match="40x30 pixels, the clean one 41x30"):
        open_pairs(tmp_path, {}).load("1")


def test_unknown_sets_and_layouts(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown set of pairs 'rain100'. Did you mean .*rain100l"):
        open_pairs(tmp_path, {"set": "rain100"})
    with pytest.raises(UserError, match=r"not a known layout of rain14000\. Expected rainy_image/"):
        open_pairs(tmp_path, {"set": "rain14000"})
    assert {"coco350-authors", "bdd350-authors", "bdd150-authors", "test1200", "ris"} <= set(set_names())


def test_labels_of_the_clean_images(coco_folder: Path, camvid_folder: Path) -> None:
    (coco_folder / "val2017").rename(coco_folder / "target")
    names = [f"{path.name}" for path in (coco_folder / "target").iterdir()]
    (coco_folder / "input").mkdir()
    for name in names:
        (coco_folder / "input" / name).write_bytes((coco_folder / "target" / name).read_bytes())
    parameters: Parameters = {"set": "coco350-authors", "annotations": "annotations/instances_val2017.json"}
    source = open_pairs(coco_folder, parameters)
    assert source.image_id("000000000020") == 20
    assert source.annotation_ids("000000000020") == (1020, 2000)
    instances = source.load("000000000020").truth.instances
    assert instances is not None
    assert instances.class_ids.tolist() == [3, 1]

    (camvid_folder / "val").rename(camvid_folder / "clean")
    fill(camvid_folder, {f"rainy/{stem}.png": 4 for stem in "abc"})
    for path in (camvid_folder / "rainy").iterdir():
        Pillow.new("RGB", (64, 48)).save(path)
    source = open_pairs(camvid_folder, {"masks": "valannot", "ignore": "void"})
    assert source.load("a").truth.label_map is not None


def test_a_dataset_of_pairs_keeps_their_own_rain(tmp_path: Path, image_of: Make) -> None:
    root = tmp_path / "Rain100H"
    for place, seed in (("rainy", 1), ("clean", 2)):
        (root / place).mkdir(parents=True)
        for number in (1, 2):
            Pillow.fromarray(image_of(30, 40, seed * number)).save(root / place / f"{number}.png")
    builder = open_builder(Recipe("rain100h", "pairs", root, {"set": "rain100h"}), tmp_path / "out")
    assert builder.render(builder.missing()) == []
    dataset = builder.finish()
    np.testing.assert_array_equal(dataset.load("2").rainy, image_of(30, 40, 2))
    clean = dataset.load("2").clean
    assert clean is not None
    np.testing.assert_array_equal(clean, image_of(30, 40, 4))


def test_a_dataset_of_real_rain(tmp_path: Path) -> None:
    root = fill(tmp_path / "real", {"street.jpg": 3})
    builder = open_builder(Recipe("real200", "pairs", root, {"set": "real200"}), tmp_path / "out")
    assert builder.render(builder.missing()) == []
    sample = builder.finish().load("street")
    assert sample.clean is None
    assert sample.truth.instances is None


def test_real_rain_leaves_the_clean_images_of_pairs_alone(tmp_path: Path) -> None:
    fill(tmp_path / "set", {"rainy/1.png": 1, "clean/1.png": 2})
    builder = open_builder(Recipe("any", "pairs", tmp_path / "set", rain="real"), tmp_path / "out")
    assert builder.render(builder.missing()) == []
    sample = builder.finish().load("1")
    np.testing.assert_array_equal(sample.rainy, read_image(tmp_path / "set/rainy/1.png"))
    assert sample.clean is None
    assert open_pairs(tmp_path / "set", {}).has_clean


def test_labels_of_real_rain_belong_to_the_rainy_images(coco_folder: Path) -> None:
    (coco_folder / "val2017").rename(coco_folder / "input")
    source = open_pairs(coco_folder, {"set": "rid", "annotations": "annotations/instances_val2017.json"})
    photograph = source.load("000000000020")
    assert not source.has_clean
    assert photograph.clean is None
    assert photograph.truth.instances is not None
    assert photograph.truth.instances.class_ids.tolist() == [3, 1]
    assert source.annotation_ids("000000000020") == (1020, 2000)


def test_labels_of_halves_are_refused(tmp_path: Path) -> None:
    root = fill(tmp_path, {"1.png": 1})
    with pytest.raises(UserError, match="only for images that are files of their own"):
        open_pairs(root, {"set": "rain800", "masks": "masks"})


@pytest.mark.shared
def test_rain100h_itself(shared: Path) -> None:
    source = open_pairs(shared / "data/rain100h", {"set": "rain100h"})
    assert len(source.ids) == 40
    assert source.unpaired == []
    photograph = source.load("1")
    assert photograph.rainy is not None
    assert photograph.rainy.shape in ((320, 480, 3), (480, 320, 3))
