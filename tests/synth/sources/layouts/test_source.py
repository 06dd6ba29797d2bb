"""Every published layout, in miniature: read to the very boxes, label maps and ids."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from bench.contract import Parameters
from bench.errors import ImageError, UserError
from synth.datasets.build import open_builder
from synth.datasets.recipe import Recipe
from synth.datasets.selection import Policy, choose
from synth.sources.coco import CocoSource
from synth.sources.doctor import examine
from synth.sources.layouts.source import LayoutSource, open_layout
from synth.sources.layouts.table import layout_names, layouts
from synth.sources.ledger import Accounted
from tests.synth.sources.layouts.trees import Photo, voc_object, voc_text, write_coco, write_map, write_text

FRAME = "GOPR0402/GOPR0402_frame_000010"


def rows_of(source: LayoutSource | CocoSource, id: str) -> list[int]:
    labels = source.load(id).truth.label_map
    assert labels is not None
    return labels[::12, 0].tolist()


def boxes_of(source: LayoutSource | CocoSource, id: str) -> list[tuple[int, list[float], bool]]:
    found = source.load(id).truth.instances
    assert found is not None
    return list(zip(found.class_ids.tolist(), found.boxes.tolist(), found.crowd.tolist(), strict=True))


def names_of(source: LayoutSource | CocoSource) -> dict[int, str]:
    space = source.classes.instances or source.classes.labels
    assert space is not None
    return dict(zip(space.ids, space.names, strict=True))


def test_acdc_masks(tmp_path: Path, photo: Photo) -> None:
    for condition in ("rain", "snow"):
        photo(f"rgb_anon/{condition}/val/{FRAME}_rgb_anon.png")
        write_map(tmp_path / f"gt/{condition}/val/{FRAME}_gt_labelTrainIds.png", [0, 10, 13, 255])
        write_map(tmp_path / f"gt/{condition}/val/{FRAME}_gt_labelIds.png", [7, 23, 26, 0])
    source = open_layout(tmp_path, {"layout": "acdc", "labels": "masks"})
    assert source.ids == ("GOPR0402_frame_000010",)
    assert rows_of(source, "GOPR0402_frame_000010") == [0, 10, 13, 255]
    assert names_of(source)[13] == "car"
    assert source.attributes(source.ids[0]) == {"weather": "rain"}
    photograph = source.load(source.ids[0])
    assert photograph.clean is not None
    assert photograph.rainy is None
    assert [finding.fault for finding in examine(source)] == ["class absent"]


def test_acdc_reference_frames_with_and_without_labels(tmp_path: Path, photo: Photo) -> None:
    photo(f"rgb_anon/rain/val_ref/{FRAME}_rgb_ref_anon.png")
    parameters: Parameters = {"layout": "acdc-reference", "labels": "none"}
    alone = open_layout(tmp_path, parameters)
    assert alone.ids == ("GOPR0402_frame_000010",)
    assert alone.load(alone.ids[0]).truth.label_map is None
    with pytest.raises(UserError, match=r"Expected rgb_anon/rain/val_ref/ with gt/rain/val_ref"):
        open_layout(tmp_path, {"layout": "acdc-reference"})
    write_map(tmp_path / f"gt/rain/val_ref/{FRAME}_gt_ref_labelTrainIds.png", [0, 1, 2, 18])
    assert rows_of(open_layout(tmp_path, {"layout": "acdc-reference"}), alone.ids[0]) == [0, 1, 2, 18]


@pytest.mark.parametrize("place", ["rain/instancesonly_rain_val", "instancesonly_val"])
def test_acdc_boxes_of_a_file_for_one_and_for_all_conditions(tmp_path: Path, photo: Photo, place: str) -> None:
    names = {1: f"rain/val/{FRAME}_rgb_anon.png", 2: "snow/val/GOPR0001/GOPR0001_frame_000001_rgb_anon.png"}
    for name in names.values():
        photo(f"rgb_anon/{name}")
    boxes = [(11, 1, 26, [4.0, 5.0, 10.0, 20.0]), (12, 1, 25, [30.5, 5, 6, 8]), (13, 2, 24, [1, 1, 2, 2])]
    write_coco(tmp_path / f"gt_detection/{place}_gt_detection.json", names, boxes)
    source = open_layout(tmp_path, {"layout": "acdc"})
    assert isinstance(source, CocoSource)
    assert source.ids == ("GOPR0402_frame_000010",)
    assert boxes_of(source, source.ids[0]) == [
        (26, [4.0, 5.0, 14.0, 25.0], False),
        (25, [30.5, 5.0, 36.5, 13.0], False),
    ]
    assert source.annotation_ids(source.ids[0]) == (11, 12)
    assert dict(source.fates(source.ids)) == {"given": 2}
    joined = open_layout(tmp_path, {"layout": "acdc", "riders_are_persons": True})
    assert [id for id, _, _ in boxes_of(joined, source.ids[0])] == [26, 24]
    assert names_of(joined) == {24: "person", 26: "car"}


def test_acdc_names_that_lead_elsewhere_are_refused_and_only_those_there_are_read(tmp_path: Path, photo: Photo) -> None:
    names = {1: f"rain/val/{FRAME}_rgb_anon.png", 2: "../../rain/val/out.png", 3: "rain/val/s/gone_rgb_anon.png"}
    photo(f"rgb_anon/{names[1]}")
    boxes = [(number, number, 26, [1.0, 1.0, 5.0, 5.0]) for number in names]
    write_coco(tmp_path / "gt_detection/rain/instancesonly_rain_val_gt_detection.json", names, boxes)
    source = open_layout(tmp_path, {"layout": "acdc"})
    assert len(source.load("GOPR0402_frame_000010").truth.instances.boxes) == 1  # type: ignore[union-attr]
    for id, said in (("out", "is not a file below the folder of images"), ("gone", "no such image")):
        with pytest.raises(ImageError, match=said):
            source.load(id)
    assert dict(source.fates(source.ids)) == {"given": 2, "unusable image": 1}
    (tmp_path / f"rgb_anon/{names[1]}").unlink()
    with pytest.raises(UserError, match=r"names 3 images of rgb_anon/rain/val/, none of which is there"):
        open_layout(tmp_path, {"layout": "acdc"})


def test_muses_knows_day_and_night(tmp_path: Path, photo: Photo) -> None:
    for time, name in (("day", "REC0001_frame_000001"), ("night", "REC0002_frame_000002")):
        photo(f"frame_camera/val/rain/{time}/{name}_frame_camera.png")
        write_map(tmp_path / f"gt_semantic/val/rain/{time}/{name}_gt_labelTrainIds.png", [0, 8, 10, 255])
        photo(f"reference_frames/val/rain/{time}/{name}_of_another_drive.png")
    source = open_layout(tmp_path, {"layout": "muses"})
    assert source.ids == ("REC0001_frame_000001", "REC0002_frame_000002")
    assert source.attributes(source.ids[1]) == {"weather": "rain", "timeofday": "night"}
    assert choose(source, Policy(only=("timeofday=day",))) == source.ids[:1]
    assert rows_of(source, source.ids[0]) == [0, 8, 10, 255]
    assert len(open_layout(tmp_path, {"layout": "muses-reference"}).ids) == 2


def test_cityscapes_with_train_ids_or_as_it_is_downloaded(tmp_path: Path, photo: Photo) -> None:
    frame = "frankfurt/frankfurt_000000_000294"
    photo(f"leftImg8bit/val/{frame}_leftImg8bit.png")
    write_map(tmp_path / f"gtFine/val/{frame}_gtFine_labelIds.png", [7, 33, 4, 26])
    source = open_layout(tmp_path, {"layout": "cityscapes"})
    assert source.ids == ("frankfurt_000000_000294",)
    assert rows_of(source, source.ids[0]) == [0, 18, 255, 13]
    write_map(tmp_path / "gtFine/val/frankfurt/gone_gtFine_labelIds.png", [7, 7])
    said = [finding.detail for finding in examine(open_layout(tmp_path, {"layout": "cityscapes"}))]
    assert "a label file without photograph" in said
    assert "3072 of 6144 pixels are excluded: 3072 unpaired" in said
    write_map(tmp_path / f"gtFine/val/{frame}_gtFine_labelTrainIds.png", [1, 1, 255, 2])
    assert rows_of(open_layout(tmp_path, {"layout": "cityscapes"}), source.ids[0]) == [1, 1, 255, 2]


def test_a_number_that_is_no_class_is_refused(tmp_path: Path, photo: Photo) -> None:
    photo("leftImg8bit/val/a/a_1_leftImg8bit.png")
    write_map(tmp_path / "gtFine/val/a/a_1_gtFine_labelIds.png", [7, 34, 4, 26])
    with pytest.raises(ImageError, match=r"a_1_gtFine_labelIds.png: unknown class ids 34; expected 0 to 33"):
        open_layout(tmp_path, {"layout": "cityscapes"}).load("a_1")


def test_weatherproof_has_a_clean_twin(tmp_path: Path, photo: Photo) -> None:
    for number in ("000", "010"):
        photo(f"WeatherProofDataset/scene/{number}_degraded.png")
        write_map(tmp_path / f"WeatherProofDataset/scene/{number}_gt-intern.png", [0, 1, 4, 9])
    clean = photo("WeatherProofDatasetClean/scene/real.png")
    source = open_layout(tmp_path, {"layout": "weatherproof"})
    assert source.ids == ("scene/000", "scene/010")
    photograph = source.load("scene/010")
    assert photograph.rainy is not None
    assert photograph.clean is not None
    assert not np.array_equal(photograph.rainy, photograph.clean)
    assert rows_of(source, "scene/010") == [255, 1, 4, 9]
    assert names_of(source)[9] == "tree"
    assert not [finding for finding in examine(source) if finding.fault == "unpaired"]
    clean.unlink()
    with pytest.raises(
        UserError, match="no photograph of WeatherProofDataset/ has its clean image in WeatherProofData"
    ):
        open_layout(tmp_path, {"layout": "weatherproof"})


@pytest.mark.parametrize(
    ("layout", "images", "labels"),
    [
        ("rid", "JPEGImages", "Annotations"),
        ("rid", "images", "annotations"),
        ("ris", ".", "."),
        ("dawn", "Rain", "Rain/Rain_PASCAL_VOC"),
    ],
)
def test_voc_boxes_of_rain(tmp_path: Path, photo: Photo, layout: str, images: str, labels: str) -> None:
    photo(f"{images}/rain-1.jpg")
    objects = [voc_object("Car", (1, 1, 20, 10)), voc_object("motorbike", (5, 6, 7, 8), "<difficult>1</difficult>")]
    write_text(tmp_path / labels / "rain-1.xml", voc_text(*objects, image="rain-1.jpg"))
    source = open_layout(tmp_path, {"layout": layout})
    assert source.ids == ("rain-1",)
    assert boxes_of(source, "rain-1") == [(3, [0, 0, 20, 10], False), (4, [4, 5, 7, 8], True)]
    assert names_of(source)[8] == "truck"
    assert source.objects("rain-1") == 1
    assert dict(source.fates(source.ids)) == {"given": 1, "crowd": 1}


def test_dawn_in_yolo_form_counts_as_coco_does(tmp_path: Path, photo: Photo) -> None:
    photo("Rain/rain_storm-001.jpg")
    write_text(tmp_path / "Rain/Rain_YOLO_darknet/rain_storm-001.txt", "3 0.5 0.5 0.25 0.5\n8 0.25 0.25 0.5 0.5\n")
    source = open_layout(tmp_path, {"layout": "dawn"})
    assert boxes_of(source, "rain_storm-001") == [(3, [24, 12, 40, 36], False), (8, [0, 0, 32, 24], False)]


def test_the_twenty_classes_of_voc_and_classes_of_ones_own(tmp_path: Path, photo: Photo) -> None:
    photo("JPEGImages/a.png")
    write_text(tmp_path / "Annotations/a.xml", voc_text(voc_object("sheep", (1, 1, 20, 10))))
    assert boxes_of(open_layout(tmp_path, {"layout": "voc"}), "a") == [(17, [0, 0, 20, 10], False)]
    write_text(tmp_path / "mine.csv", "id,name\n5,Sheep\n")
    own = open_layout(tmp_path, {"layout": "voc", "classes": "mine.csv", "space": "farm", "first_pixel": 0})
    assert boxes_of(own, "a") == [(5, [1, 1, 21, 11], False)]
    assert own.classes.instances is not None
    assert own.classes.instances.name == "farm"


@pytest.mark.parametrize(
    ("images", "labels"),
    [("images/val", "labels/val"), ("val/images", "val/labels"), ("images", "labels")],
)
@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("data.yaml", "train: ../x\nnames: [person, car]\n"),
        ("data.yaml", "names:\n  0: person\n  1: car\n"),
        ("classes.txt", "person\ncar\n"),
        ("obj.names", "person\ncar"),
    ],
)
def test_yolo(tmp_path: Path, photo: Photo, images: str, labels: str, file: str, names: str) -> None:
    photo(f"{images}/a.png")
    photo(f"{images}/empty.png")
    photo(f"{images}/unlabelled.png")
    write_text(tmp_path / labels / "a.txt", "1 0.5 0.5 0.5 0.25\n\n0 0.5 0.5 0 0.25\n")
    write_text(tmp_path / labels / "empty.txt", "")
    write_text(tmp_path / file, names)
    source = open_layout(tmp_path, {"layout": "yolo"})
    assert source.ids == ("a", "empty")
    assert boxes_of(source, "a") == [(1, [16, 18, 48, 30], False)]
    assert boxes_of(source, "empty") == []
    assert names_of(source) == {0: "person", 1: "car"}
    said = {(finding.fault, finding.image): finding.detail for finding in examine(source)}
    assert ("unpaired", "unlabelled") in said
    assert said["excluded", ""] == "1 of 2 objects are excluded: 1 zero area"


def test_every_object_is_accounted_for(tmp_path: Path, photo: Photo) -> None:
    for name in ("a", "b", "c"):
        photo(f"JPEGImages/{name}.png")
    write_text(tmp_path / "Annotations/a.xml", voc_text(*[voc_object("car", (1, 1, 9, 9))] * 3))
    write_text(tmp_path / "Annotations/b.xml", voc_text(*[voc_object("car", (1, 1, 9, 9))] * 4, size=(64, 48)))
    write_text(tmp_path / "Annotations/c.xml", voc_text(*[voc_object("car", (1, 1, 9, 9))] * 5))
    write_text(tmp_path / "Annotations/gone.xml", voc_text(*[voc_object("car", (1, 1, 9, 9))] * 6))
    source = open_layout(tmp_path, {"layout": "rid"})
    assert isinstance(source, Accounted)
    fates = source.fates(["a", "b"])
    assert dict(fates) == {"given": 3, "unusable image": 4, "not chosen": 5, "orphan id": 6}
    findings = {(finding.fault, finding.image): finding.detail for finding in examine(source)}
    assert findings["unpaired", "gone.xml"] == "a label file without photograph"
    assert findings["excluded", ""].startswith("10 of 18 objects are excluded: 4 unusable image, 6 orphan id")
    assert "one of them was turned" in findings["unusable", "b"]


def test_what_is_told_and_read_all_the_same(tmp_path: Path, photo: Photo) -> None:
    photo("JPEGImages/a.png")
    write_text(tmp_path / "Annotations/a.xml", voc_text(voc_object("car", (0, 1, 65, 48)), size=(0, 0), image="z.jpg"))
    source = open_layout(tmp_path, {"layout": "rid"})
    assert boxes_of(source, "a") == [(3, [0, 0, 64, 48], False)]
    said = {finding.fault: finding.detail for finding in examine(source)}
    assert said["other name"] == "its label file is for 'z.jpg'; it is read for a.png"
    assert said["size unknown"] == "1 label files state no size of the image; it is not checked"


def test_turned_photographs_are_refused(tmp_path: Path, photo: Photo) -> None:
    path = photo("JPEGImages/a.jpg")
    exif = Pillow.Exif()
    exif[0x0112] = 3
    Pillow.open(path).save(path, exif=exif)
    write_text(tmp_path / "Annotations/a.xml", voc_text(voc_object("car", (1, 1, 9, 9))))
    with pytest.raises(ImageError, match="orientation"):
        open_layout(tmp_path, {"layout": "rid"}).load("a")


def test_a_dataset_is_built_of_a_layout(tmp_path: Path, photo: Photo) -> None:
    for name in ("a", "b"):
        photo(f"JPEGImages/{name}.png")
        write_text(tmp_path / f"Annotations/{name}.xml", voc_text(voc_object("bus", (1, 1, 9, 9))))
    recipe = Recipe("mine", "layout", tmp_path, {"layout": "rid"}, rain="coco350_y", objects=1)
    builder = open_builder(recipe, tmp_path / "out")
    assert builder.render(builder.missing()) == []
    truth = builder.finish().truth("b").instances
    assert truth is not None
    assert truth.boxes.tolist() == [[0, 0, 9, 9]]
    assert list(builder.missing()) == []
    write_text(tmp_path / "Annotations/a.xml", voc_text(voc_object("bus", (1, 1, 9, 8))))
    assert list(open_builder(recipe, tmp_path / "out").missing()) == ["a"]


def test_real_rain_is_taken_as_it_is(tmp_path: Path, photo: Photo) -> None:
    photo("JPEGImages/a.png")
    write_text(tmp_path / "Annotations/a.xml", voc_text(voc_object("bus", (1, 1, 9, 9))))
    builder = open_builder(Recipe("mine", "layout", tmp_path, {"layout": "rid"}, rain="real"), tmp_path / "out")
    assert builder.render(builder.missing()) == []
    sample = builder.finish().load("a")
    assert sample.clean is None
    np.testing.assert_array_equal(sample.rainy, open_layout(tmp_path, {"layout": "rid"}).load("a").clean)
    assert sample.truth.instances is not None
    assert sample.truth.instances.boxes.tolist() == [[0, 0, 9, 9]]


def test_other_class_names_make_other_labels(tmp_path: Path, photo: Photo) -> None:
    photo("images/a.png")
    write_text(tmp_path / "labels/a.txt", "0 0.5 0.5 0.5 0.5")
    write_text(tmp_path / "classes.txt", "person")
    before = open_layout(tmp_path, {"layout": "yolo"}).identity("a")
    assert before == open_layout(tmp_path, {"layout": "yolo"}).identity("a") != ""
    write_text(tmp_path / "classes.txt", "car")
    assert open_layout(tmp_path, {"layout": "yolo"}).identity("a") != before


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "unknown layout ''. Known: acdc, "),
        ({"layout": "kitti"}, "unknown layout 'kitti'"),
        ({"layout": "rid", "labels": "masks"}, "layout rid has no labels 'masks'; it has boxes"),
        ({"layout": "rid", "split": "val"}, "layout rid has no folders by split"),
        ({"layout": "acdc", "condition": "../../etc"}, "condition: expected a folder's name such as rain"),
        ({"layout": "acdc"}, "not a folder of layout acdc. Expected rgb_anon/rain/val/ with gt_detection/rain/inst"),
        ({"layout": "muses", "rain": "x"}, "unknown parameter rain"),
    ],
)
def test_what_cannot_be_opened_says_what_was_expected(tmp_path: Path, parameters: Parameters, said: str) -> None:
    with pytest.raises(UserError) as error:
        open_layout(tmp_path, parameters)
    assert said in str(error.value)


def test_photographs_whose_labels_have_other_names_are_refused(tmp_path: Path, photo: Photo) -> None:
    photo("JPEGImages/a.png")
    write_text(tmp_path / "Annotations/a_label.xml", voc_text())
    with pytest.raises(UserError, match=r"no photograph of JPEGImages/ .* has a_label, ..., expected a, ..."):
        open_layout(tmp_path, {"layout": "rid"})


def test_two_photographs_of_one_id_are_refused(tmp_path: Path, photo: Photo) -> None:
    for city in ("a", "b"):
        photo(f"leftImg8bit/val/{city}/x_leftImg8bit.png")
        write_map(tmp_path / f"gtFine/val/{city}/x_gtFine_labelIds.png", [7, 7])
    with pytest.raises(UserError, match=r"b/x_leftImg8bit and .*a/x_leftImg8bit.png have one id, 'x'"):
        open_layout(tmp_path, {"layout": "cityscapes"})


def test_the_table_is_whole() -> None:
    import re

    from synth.sources.layouts.table import class_list

    assert len(layout_names()) == len({row.layout for row in layouts()})
    for row in layouts():
        groups = re.compile(row.photograph).groupindex
        assert "id" in groups
        assert row.label.format(**dict.fromkeys(groups, "")) != row.label or row.format in ("coco", "none")
        if row.classes:
            assert class_list(row.classes).space.ids
