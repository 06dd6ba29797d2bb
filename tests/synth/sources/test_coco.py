import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from pycocotools.coco import COCO

from bench.errors import ImageError, UserError
from synth.sources.coco import open_coco

Content = dict[str, list[dict[str, object]]]
Relabel = Callable[[Path, object], None]
FIRST = "000000000010"


def test_photographs_and_objects(coco_folder: Path) -> None:
    source = open_coco(coco_folder, {})
    assert source.ids == tuple(f"{number:012}" for number in (10, 20, 30, 40, 50, 60))
    assert source.size("000000000060") == (64, 48)
    photograph = source.load("000000000020")
    assert photograph.clean is not None
    assert photograph.clean.shape == (48, 64, 3)
    instances = photograph.truth.instances
    assert instances is not None
    assert instances.masks is not None
    assert instances.class_ids.tolist() == [3, 1]
    assert instances.crowd.tolist() == [False, True]
    assert (source.image_id("000000000020"), source.annotation_ids("000000000020")) == (20, (1020, 2000))
    assert source.objects("000000000020") == 1


def test_a_photograph_without_objects_is_kept(coco_folder: Path) -> None:
    truth = open_coco(coco_folder, {}).load("000000000060").truth
    assert truth.instances is not None
    assert truth.instances.boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda root: (root / "annotations/instances_val2017.json").unlink(), "no annotations/instances_val2017.json"),
        (lambda root: (root / "annotations/instances_val2017.json").write_text('{"images": ['), "not valid JSON"),
        (lambda root: (root / "annotations/instances_val2017.json").write_text("[" * 200_000), "not valid JSON"),
        (lambda root: (root / "annotations/instances_val2017.json").write_bytes(b"\xff\xfe\x00"), "not valid JSON"),
        (lambda root: (root / "annotations/instances_val2017.json").write_text("[1]"), "lists of images"),
        (lambda root: [path.unlink() for path in (root / "val2017").iterdir()], "none of which"),
    ],
)
def test_an_unusable_folder_is_refused(coco_folder: Path, change: Callable[[Path], object], said: str) -> None:
    change(coco_folder)
    with pytest.raises(UserError, match=said):
        open_coco(coco_folder, {})


def test_an_absent_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        open_coco(tmp_path / "nowhere", {})
    with pytest.raises(UserError, match="needs a folder"):
        open_coco(None, {})


def test_unknown_parameters_are_refused(coco_folder: Path) -> None:
    with pytest.raises(UserError, match="unknown parameter splits"):
        open_coco(coco_folder, {"splits": "val2017"})


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("images", {"file_name": "../../secret.jpg"}, "not a file below"),
        ("images", {"file_name": "/etc/secret.jpg"}, "not a file below"),
        ("images", {"file_name": "..\\secret.jpg"}, "not a file below"),
        ("images", {"height": 49}, "expected 64x49"),
        ("images", {"height": 0}, "impossible size"),
        ("images", {"width": float("nan")}, "impossible size"),
        ("images", {"id": "ten"}, "whole number"),
        ("annotations", {"bbox": [0, 0, float("nan"), 5]}, "finite"),
        ("annotations", {"category_id": 2}, "category id 2"),
    ],
)
def test_one_bad_record_spoils_one_image(
    coco_folder: Path, coco_content: Content, relabel: Relabel, part: str, change: dict[str, object], said: str
) -> None:
    coco_content[part][0].update(change)
    relabel(coco_folder, coco_content)
    source = open_coco(coco_folder, {})
    with pytest.raises(ImageError, match=said):
        source.load(source.ids[0])
    for id in source.ids[1:]:
        source.load(id)


def test_a_truncated_photograph(coco_folder: Path) -> None:
    path = coco_folder / "val2017" / f"{FIRST}.jpg"
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(ImageError, match="truncated"):
        open_coco(coco_folder, {}).load(FIRST)


def test_a_photograph_of_no_bytes(coco_folder: Path) -> None:
    (coco_folder / "val2017" / f"{FIRST}.jpg").write_bytes(b"")
    with pytest.raises(ImageError, match="not a readable image"):
        open_coco(coco_folder, {}).load(FIRST)


def test_a_rotated_photograph(coco_folder: Path) -> None:
    path = coco_folder / "val2017" / f"{FIRST}.jpg"
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.open(path).convert("RGB").save(path, exif=exif)
    with pytest.raises(ImageError, match="EXIF"):
        open_coco(coco_folder, {}).load(FIRST)


def test_a_grey_photograph_becomes_rgb(coco_folder: Path) -> None:
    path = coco_folder / "val2017" / f"{FIRST}.jpg"
    Pillow.open(path).convert("L").save(path)
    clean = open_coco(coco_folder, {}).load(FIRST).clean
    assert clean is not None
    assert clean.shape == (48, 64, 3)
    np.testing.assert_array_equal(clean[..., 0], clean[..., 2])


def test_photographs_that_are_listed_but_absent(coco_folder: Path) -> None:
    (coco_folder / "val2017" / f"{FIRST}.jpg").unlink()
    source = open_coco(coco_folder, {})
    with pytest.raises(ImageError, match="no such image"):
        source.load(FIRST)
    assert source.identity(FIRST) == ""
    assert FIRST not in open_coco(coco_folder, {"present": True}).ids


def test_annotations_of_no_image_are_counted(coco_folder: Path, coco_content: Content, relabel: Relabel) -> None:
    coco_content["annotations"][0]["image_id"] = 999
    relabel(coco_folder, coco_content)
    assert open_coco(coco_folder, {}).orphans == 1


def test_identity_follows_pixels_and_labels(coco_folder: Path, coco_content: Content, relabel: Relabel) -> None:
    before = open_coco(coco_folder, {}).identity(FIRST)
    coco_content["annotations"][0]["bbox"] = [8.0, 4.0, 20.0, 17.0]
    relabel(coco_folder, coco_content)
    after = open_coco(coco_folder, {}).identity(FIRST)
    assert before != after
    Pillow.new("RGB", (64, 48)).save(coco_folder / "val2017" / f"{FIRST}.jpg")
    assert open_coco(coco_folder, {}).identity(FIRST) != after


def test_label_maps_of_category_ids(coco_folder: Path) -> None:
    (coco_folder / "semantic").mkdir()
    mask = np.zeros((48, 64), dtype=np.uint8)
    mask[:10], mask[10:20] = 187, 1
    path = coco_folder / "semantic" / f"{FIRST}.png"
    Pillow.fromarray(mask).save(path)
    source = open_coco(coco_folder, {"semantic": "semantic"})
    assert source.classes.labels is not None
    assert len(source.classes.labels.ids) == 133
    label_map = source.load(FIRST).truth.label_map
    assert label_map is not None
    assert [label_map[row, 0] for row in (0, 15, 30)] == [187, 1, 255]
    with pytest.raises(ImageError, match="no such image"):
        source.load(source.ids[1])
    mask[0, 0] = 12
    Pillow.fromarray(mask).save(path)
    with pytest.raises(ImageError, match="unknown class ids 12"):
        source.load(FIRST)


def test_official_panoptic_files(coco_folder: Path) -> None:
    colours = np.zeros((48, 64, 3), dtype=np.uint8)
    colours[:10] = (5, 1, 2)  # segment 5 + 256 + 2 * 65536
    colours[10:20] = (7, 0, 0)
    folder = coco_folder / "annotations" / "panoptic_val2017"
    folder.mkdir()
    Pillow.fromarray(colours).save(folder / f"{FIRST}.png")
    segments = [{"id": 131333, "category_id": 187}, {"id": 7, "category_id": 3}]
    content = {
        "annotations": [{"image_id": 10, "file_name": f"{FIRST}.png", "segments_info": segments}],
        "categories": [{"id": 3, "name": "car"}, {"id": 187, "name": "sky-other-merged"}],
    }
    labels = folder.with_suffix(".json")
    labels.write_text(json.dumps(content))
    parameters = {"semantic": "annotations/panoptic_val2017.json"}
    label_map = open_coco(coco_folder, parameters).load(FIRST).truth.label_map
    assert label_map is not None
    assert [label_map[row, 0] for row in (0, 15, 30)] == [187, 3, 255]
    del segments[1]
    labels.write_text(json.dumps(content))
    with pytest.raises(ImageError, match=r"segments \[7\]"):
        open_coco(coco_folder, parameters).load(FIRST)
    content["annotations"][0]["file_name"] = "../secret.png"  # type: ignore[index]
    labels.write_text(json.dumps(content))
    with pytest.raises(ImageError, match="leaves its folder"):
        open_coco(coco_folder, parameters).load(FIRST)


@pytest.mark.shared
def test_real_photographs_agree_with_pycocotools(shared: Path) -> None:
    root = shared / "data/coco"
    source = open_coco(root, {"semantic": "semantic/val2017"})
    reference = COCO(str(root / "annotations/instances_val2017.json"))
    assert len(source.ids) == 100
    for id in source.ids[:25]:
        truth = source.load(id).truth
        assert truth.instances is not None
        assert truth.instances.masks is not None
        records = reference.loadAnns(reference.getAnnIds(imgIds=[source.image_id(id)]))
        assert [record["id"] for record in records] == list(source.annotation_ids(id))
        for record, box, mask in zip(records, truth.instances.boxes, truth.instances.masks, strict=True):
            x, y, width, height = record["bbox"]
            np.testing.assert_allclose(box, [x, y, x + width, y + height])
            rle = reference.annToRLE(record)
            assert mask["counts"] == rle["counts"].decode()
