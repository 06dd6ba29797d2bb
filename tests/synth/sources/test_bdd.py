import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as Pillow

from bench.contract import Parameters
from bench.errors import ImageError, UserError
from synth.datasets.build import open_builder
from synth.datasets.recipe import Recipe
from synth.datasets.selection import Policy, choose
from synth.sources.bdd import open_bdd
from synth.sources.scalabel import bdd_classes, boxes_of, masks_of, read_frames

Make = Callable[[int, int, int], npt.NDArray[np.uint8]]
SMALL: Parameters = {"image_size": "128x72"}
BOX = {"x1": 10.0, "y1": 5.0, "x2": 29.0, "y2": 24.0}


def label(category: str, **attributes: object) -> dict[str, object]:
    return {"id": "1", "category": category, "attributes": attributes, "box2d": BOX}


@pytest.fixture
def bdd_folder(tmp_path: Path, image_of: Make) -> Path:
    """A miniature in the official layout: three photographs of the 100k, two of the 10k."""
    root = tmp_path / "bdd100k"
    for place in ("images/100k/val", "images/10k/val", "labels/det_20", "labels/sem_seg/masks/val"):
        (root / place).mkdir(parents=True)
    (root / "labels/ins_seg/bitmasks/val").mkdir(parents=True)
    for number, name in enumerate(("aa-day", "bb-night", "cc-null")):
        Pillow.fromarray(image_of(72, 128, number)).save(root / f"images/100k/val/{name}.jpg", quality=95)
    lane = {"id": "2", "category": "lane", "poly2d": [{"vertices": [[0, 0], [1, 1]], "types": "LL", "closed": False}]}
    frames: list[dict[str, object]] = [
        {
            "name": "aa-day.jpg",
            "attributes": {"weather": "clear", "scene": "city street", "timeofday": "daytime"},
            "labels": [label("pedestrian"), lane, label("rider"), label("traffic sign"), label("car", crowd=True)],
        },
        {
            "name": "bb-night.jpg",
            "attributes": {"weather": "rainy", "scene": "highway", "timeofday": "night"},
            "labels": [label("person", Occluded=True), label("motor"), label("van"), label("other vehicle")],
        },
        {"name": "cc-null.jpg", "attributes": {"weather": "clear", "timeofday": "daytime"}, "labels": None},
    ]
    (root / "labels/det_20/det_val.json").write_text(json.dumps(frames))
    for number, name in enumerate(("dd", "ee")):
        Pillow.fromarray(image_of(72, 128, 5 + number)).save(root / f"images/10k/val/{name}.jpg", quality=95)
        mask = np.full((72, 128), 255, dtype=np.uint8)
        mask[:30], mask[30:60] = 10, number
        Pillow.fromarray(mask).save(root / f"labels/sem_seg/masks/val/{name}.png")
        bits = np.zeros((72, 128, 4), dtype=np.uint8)
        bits[10:20, 10:30] = (3, 0, 0, 1)
        bits[30:40, 10:30] = (2, 0b0010, 1, 1)  # a crowd of riders, number 257
        bits[50:60, 10:30] = (3, 0b0100, 0, 2)  # occluded
        Pillow.fromarray(bits, mode="RGBA").save(root / f"labels/ins_seg/bitmasks/val/{name}.png")
    return root


def test_boxes_of_2018_and_2020(bdd_folder: Path) -> None:
    source = open_bdd(bdd_folder, SMALL)
    assert source.ids == ("aa-day", "bb-night", "cc-null")
    day, night = (source.load(id).truth.instances for id in source.ids[:2])
    assert day is not None
    assert night is not None
    assert day.class_ids.tolist() == [1, 2, 10, 3]
    assert day.crowd.tolist() == [False, False, False, True]
    assert night.class_ids.tolist() == [1, 7, 3, 3]
    assert night.crowd.tolist() == [False, False, False, True]
    assert day.boxes[0].tolist() == [10, 5, 30, 25]
    assert day.areas[0] == 400
    assert day.masks is None


def test_classes_that_coco_has(bdd_folder: Path) -> None:
    source = open_bdd(bdd_folder, {**SMALL, "classes": "coco8", "inclusive": False})
    assert source.classes.instances is not None
    assert source.classes.instances.ids == (1, 3, 4, 5, 6, 7, 8, 9)
    day = source.load("aa-day").truth.instances
    assert day is not None
    assert day.class_ids.tolist() == [1, 1, 3]
    assert day.boxes[0].tolist() == [10, 5, 29, 24]


def test_labels_that_are_null_mean_no_objects(bdd_folder: Path) -> None:
    instances = open_bdd(bdd_folder, SMALL).load("cc-null").truth.instances
    assert instances is not None
    assert instances.boxes.shape == (0, 4)


def test_facts_choose_photographs(bdd_folder: Path) -> None:
    source = open_bdd(bdd_folder.parent, SMALL)
    assert source.load("bb-night").attributes["timeofday"] == "night"
    assert choose(source, Policy(only=("timeofday=night",))) == ("bb-night",)
    assert choose(source, Policy(without=("weather=rainy",), objects=1)) == ("aa-day",)


def test_the_layout_of_2018(bdd_folder: Path) -> None:
    (bdd_folder / "labels/det_20/det_val.json").rename(bdd_folder / "labels/bdd100k_labels_images_val.json")
    assert len(open_bdd(bdd_folder, SMALL).ids) == 3
    seg = bdd_folder / "seg"
    (seg / "images").mkdir(parents=True)
    (seg / "labels").mkdir()
    (bdd_folder / "images/10k/val").rename(seg / "images/val")
    masks = (bdd_folder / "labels/sem_seg/masks/val").rename(seg / "labels/val")
    for path in list(masks.iterdir()):
        path.rename(path.with_name(f"{path.stem}_train_id.png"))
    source = open_bdd(bdd_folder, {**SMALL, "labels": "sem_seg"})
    assert source.ids == ("dd", "ee")
    assert source.load("dd").truth.label_map is not None


def test_label_maps_and_bitmasks(bdd_folder: Path) -> None:
    source = open_bdd(bdd_folder, {**SMALL, "labels": ("sem_seg", "ins_seg")})
    truth = source.load("ee").truth
    assert truth.label_map is not None
    assert [truth.label_map[row, 0] for row in (0, 40, 71)] == [10, 1, 255]
    instances = truth.instances
    assert instances is not None
    assert instances.class_ids.tolist() == [2, 3, 3]
    assert instances.crowd.tolist() == [True, False, False]
    assert instances.boxes.tolist() == [[10, 30, 30, 40], [10, 10, 30, 20], [10, 50, 30, 60]]
    assert instances.areas.tolist() == [200, 200, 200]
    assert instances.masks is not None
    assert len(instances.masks) == 3


def test_images_and_masks_that_do_not_match_are_left_out_and_named(bdd_folder: Path) -> None:
    (bdd_folder / "labels/sem_seg/masks/val/dd.png").rename(bdd_folder / "labels/sem_seg/masks/val/zz.png")
    source = open_bdd(bdd_folder, {**SMALL, "labels": "sem_seg"})
    assert source.ids == ("ee",)
    assert source.unpaired == ["dd", "zz"]


def test_a_transposed_photograph_is_refused(bdd_folder: Path) -> None:
    path = bdd_folder / "images/100k/val/aa-day.jpg"
    Pillow.open(path).transpose(Pillow.Transpose.TRANSPOSE).save(path)
    source = open_bdd(bdd_folder, SMALL)
    with pytest.raises(ImageError, match="expected 128x72"):
        source.load("aa-day")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"box2d": {**BOX, "x1": float("nan")}}, "finite"),
        ({"box2d": {"x1": 1}}, "finite"),
        ({"box2d": {**BOX, "x2": 3.0}}, "impossible"),
        ({"category": "dragon"}, "unknown category 'dragon'"),
        ({"category": None}, "unknown category None"),
    ],
)
def test_bad_labels_are_named(change: dict[str, object], said: str) -> None:
    with pytest.raises(ImageError, match=said):
        boxes_of([label("car"), {**label("car"), **change}], bdd_classes(False, False), True, "photo")


def test_a_class_that_does_not_exist_in_a_bitmask() -> None:
    with pytest.raises(ImageError, match="class 9"):
        masks_of(np.full((4, 4, 4), 9, dtype=np.uint8), bdd_classes(True, False), "photo")


def test_a_colour_picture_is_no_bitmask(bdd_folder: Path) -> None:
    path = bdd_folder / "labels/ins_seg/bitmasks/val/dd.png"
    Pillow.open(path).convert("RGB").save(path)
    with pytest.raises(ImageError, match="four 8-bit channels"):
        open_bdd(bdd_folder, {**SMALL, "labels": "ins_seg"}).load("dd")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not valid JSON"),
        ("{}", "Scalabel"),
        ("[]", "Scalabel"),
        ('[{"labels": []}]', "frame 1"),
        ('[{"name": "a.jpg"}, {"name": "a.jpg"}]', "twice"),
        ('[{"name": "x.jpg"}]', "none of which"),
    ],
)
def test_unusable_label_files(bdd_folder: Path, text: str, said: str) -> None:
    (bdd_folder / "labels/det_20/det_val.json").write_text(text)
    with pytest.raises(UserError, match=said):
        open_bdd(bdd_folder, SMALL)


def test_a_label_file_that_leaves_the_folder(bdd_folder: Path) -> None:
    path = bdd_folder / "labels/det_20/det_val.json"
    frames = json.loads(path.read_text())
    frames[0]["name"] = "../../../secret.jpg"
    path.write_text(json.dumps(frames))
    source = open_bdd(bdd_folder, SMALL)
    assert source.identity(source.ids[0]) == ""
    with pytest.raises(ImageError, match="no file below"):
        source.load(source.ids[0])
    source.load(source.ids[1])


def test_absent_folders_and_wrong_parameters(bdd_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no label file"):
        open_bdd(bdd_folder, {"split": "train"})
    with pytest.raises(UserError, match="expected labels det_20"):
        open_bdd(bdd_folder, {"labels": "det_21"})
    with pytest.raises(UserError, match="no such folder"):
        open_bdd(tmp_path / "nothing", {})


def test_a_dataset_of_it(bdd_folder: Path, tmp_path: Path) -> None:
    recipe = Recipe("bdd350", "bdd", bdd_folder, SMALL, rain="bdd350_y", without=("weather=rainy",))
    builder = open_builder(recipe, tmp_path / "out")
    assert builder.render(builder.missing()) == []
    dataset = builder.finish()
    assert dataset.ids == ("aa-day", "cc-null")
    sample = dataset.load("aa-day")
    assert sample.attributes["timeofday"] == "daytime"
    assert sample.truth.instances is not None
    assert sample.truth.instances.masks is None
    assert [dataset.image_id(id) for id in dataset.ids] == [1, 2]


def test_a_dataset_of_label_maps_and_masks(bdd_folder: Path, tmp_path: Path) -> None:
    parameters: Parameters = {**SMALL, "labels": ("sem_seg", "ins_seg")}
    builder = open_builder(Recipe("bdd150", "bdd", bdd_folder, parameters, rain="bdd150_y"), tmp_path / "out")
    assert builder.render(builder.missing()) == []
    dataset = builder.finish()
    assert dataset.classes == builder.classes
    expected = open_bdd(bdd_folder, parameters).load("ee").truth
    truth = dataset.truth("ee")
    assert truth.label_map is not None
    assert expected.label_map is not None
    np.testing.assert_array_equal(truth.label_map, expected.label_map)
    assert truth.instances is not None
    assert expected.instances is not None
    assert truth.instances.masks == expected.instances.masks
    np.testing.assert_array_equal(truth.instances.boxes, expected.instances.boxes)
    np.testing.assert_array_equal(truth.instances.crowd, expected.instances.crowd)


@pytest.mark.shared
def test_official_samples(shared: Path) -> None:
    frames = read_frames(shared / "data/bdd-format/example_ignore_annotation.json")
    assert [frame.unlabelled for frame in frames] == [False, True]
    instances = boxes_of(frames[0].labels, bdd_classes(False, False), True, "sample")
    assert instances.class_ids.tolist() == [1, 1]
    assert instances.crowd.tolist() == [True, False]
    bits = np.asarray(Pillow.open(shared / "data/bdd-format/bitmasks/quasi-video/insseg_bitmask.png"))
    instances = masks_of(bits, bdd_classes(True, False), "sample")
    assert instances.class_ids.tolist() == [3, 3, 3, 3]
    assert instances.areas.sum() == (bits[..., 0] > 0).sum()
