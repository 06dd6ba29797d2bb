"""Class tables are complete, and mapping goes by meaning, not by number or spelling."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from bench.contract import ClassSpace
from bench.errors import UserError
from tasks import classes
from tasks.classes import apply_mapping, classes_alike, known_spaces, map_classes, space_of_outputs

DARKNET = {"motorcycle": "motorbike", "airplane": "aeroplane", "couch": "sofa", "tv": "tvmonitor"}


def test_spaces_have_the_sizes_and_gaps_of_their_definitions() -> None:
    spaces = known_spaces()
    assert {name: len(space.ids) for name, space in spaces.items()} == {
        "coco80": 80, "coco": 80, "bdd": 10, "cityscapes": 19, "camvid": 11, "coco-panoptic": 133, "voc": 21,
        "ade": 150,
    }  # fmt: skip
    # torchvision's documentation lists these ids of the 91 as N/A.
    assert set(range(1, 91)) - set(spaces["coco"].ids) == {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
    assert spaces["coco80"].names == spaces["coco"].names


def test_torchvision_numbers_its_outputs_as_the_coco_space() -> None:
    detection = pytest.importorskip("torchvision.models.detection")
    categories = detection.FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1.meta["categories"]
    coco = known_spaces()["coco"]
    assert {id: categories[id] for id in coco.ids} == dict(zip(coco.ids, coco.names, strict=True))


@pytest.mark.parametrize(("space", "file"), [("ade", "ade20k.yaml"), ("coco80", "coco.yaml"), ("voc", "VOC.yaml")])
def test_spaces_equal_those_that_ultralytics_lists(space: str, file: str) -> None:
    yaml = pytest.importorskip("yaml")
    ultralytics = pytest.importorskip("ultralytics", exc_type=ImportError)
    listed = yaml.safe_load((Path(ultralytics.__file__).parent / "cfg/datasets" / file).read_text())["names"]
    names = known_spaces()[space].names
    assert list(names[1:] if space == "voc" else names) == list(listed.values())  # it has no background


@pytest.mark.shared
def test_coco_ids_are_those_of_the_official_annotations(shared: Path) -> None:
    official = json.loads((shared / "data/coco/annotations/instances_val2017.json").read_text())["categories"]
    coco = known_spaces()["coco"]
    assert {row["id"]: row["name"] for row in official} == dict(zip(coco.ids, coco.names, strict=True))


def test_every_pair_joins_two_known_classes_and_none_is_told_twice() -> None:
    rows = list(csv.DictReader((Path(classes.__file__).parent / "pairs.csv").open()))
    spaces = known_spaces()
    for row in rows:
        assert int(row["model_id"]) in spaces[row["model_space"]].ids
        assert int(row["dataset_id"]) in spaces[row["dataset_space"]].ids
    told = [(row["model_space"], row["model_id"], row["dataset_space"]) for row in rows]
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("model", ["coco80", "coco"])
def test_pairs_with_coco_join_equal_names(model: str) -> None:
    spaces = known_spaces()
    names = dict(zip(spaces[model].ids, spaces[model].names, strict=True))
    coco = dict(zip(spaces["coco"].ids, spaces["coco"].names, strict=True))
    mapping = map_classes(spaces[model], spaces["coco"])
    assert {id: coco[target] for id, target in mapping.items()} == names


def test_panoptic_things_have_cocos_ids() -> None:
    panoptic, coco = known_spaces()["coco-panoptic"], known_spaces()["coco"]
    assert dict(zip(panoptic.ids[:80], panoptic.names[:80], strict=True)) == dict(
        zip(coco.ids, coco.names, strict=True)
    )
    assert panoptic.ids[-1] == 200


def test_cityscapes_classes_have_counterparts_in_other_street_scenes() -> None:
    spaces = known_spaces()
    camvid = map_classes(spaces["cityscapes"], spaces["camvid"])
    assert set(camvid.values()) == set(spaces["camvid"].ids)
    assert (camvid[8], camvid[14], camvid[12]) == (5, 8, 10)  # vegetation tree, truck car, rider bicyclist
    assert map_classes(spaces["cityscapes"], spaces["coco-panoptic"])[10] == 187  # sky-other-merged


def test_contiguous_coco_maps_to_ids_with_gaps() -> None:
    spaces = known_spaces()
    mapping = map_classes(spaces["coco80"], spaces["coco"])
    assert len(mapping) == 80
    assert (mapping[0], mapping[11], mapping[79]) == (1, 13, 90)  # person, stop sign, toothbrush


def test_darknet_spelling_is_recognised_by_order() -> None:
    names = [DARKNET.get(name, name) for name in known_spaces()["coco80"].names]
    assert space_of_outputs("mine", names) == known_spaces()["coco80"]


def test_coco_to_bdd_has_eight_classes_and_no_stop_sign() -> None:
    spaces = known_spaces()
    mapping = map_classes(spaces["coco80"], spaces["bdd"])
    named = {spaces["coco80"].names[source]: target for source, target in mapping.items()}
    assert named == {
        "person": 1, "car": 3, "truck": 4, "bus": 5, "train": 6, "motorcycle": 7, "bicycle": 8, "traffic light": 9,
    }  # fmt: skip


def test_a_part_of_a_known_space_is_still_mapped_by_id() -> None:
    mapping = map_classes(known_spaces()["coco80"], ClassSpace("coco", (3, 90), ("car", "toothbrush")))
    assert mapping == {2: 3, 79: 90}


def test_a_space_with_a_known_name_but_other_numbers_is_mapped_by_name() -> None:
    mapping = map_classes(known_spaces()["coco80"], ClassSpace("coco", (0, 1), ("Car", "tooth_brush")))
    assert mapping == {2: 0}


def test_unknown_spaces_map_by_equal_names_exact_ones_first() -> None:
    dataset = ClassSpace("mine", (4, 7, 9), ("pedestrian", "Traffic_Light", "person"))
    model = ClassSpace("theirs", (0, 1, 2, 3), ("person", "traffic light", "tree", "pedestrian"))
    assert map_classes(model, dataset) == {0: 9, 1: 7, 3: 4}


@pytest.mark.parametrize(
    "names",
    [("person", "Person"), ("person", "person"), ("traffic_light", "traffic-light"), ("motorbike", "motorcycle"),
     ("person", "pedestrian"), ("bike", "bicycle")],
)  # fmt: skip
def test_two_classes_of_one_meaning_are_refused_by_name(names: tuple[str, str]) -> None:
    dataset = ClassSpace("mine", (1, 4, 9), (*names, "gearbox"))
    with pytest.raises(UserError, match=rf"{names[0]}' \(id 1\) and '{names[1]}' \(id 4\) have one meaning"):
        map_classes(known_spaces()["coco80"], dataset)
    assert len(classes_alike(dataset)) == 1
    # a model that knows neither of them does not mind
    assert map_classes(ClassSpace("theirs", (0,), ("gearbox",)), dataset) == {0: 9}


def test_the_known_spaces_have_no_classes_alike() -> None:
    assert all(classes_alike(space) == [] for space in known_spaces().values())


def test_no_common_class_is_the_users_error() -> None:
    with pytest.raises(UserError, match="none in common"):
        map_classes(known_spaces()["coco80"], ClassSpace("mine", (1,), ("gearbox",)))


def test_classes_without_a_counterpart_have_no_id_of_the_dataset() -> None:
    assert apply_mapping(np.array([0, 5, 1]), {0: 3, 1: 8}).tolist() == [3, -1, 8]


def test_a_name_that_two_unknown_spaces_share_says_nothing_of_their_numbers() -> None:
    model, dataset = ClassSpace("mine", (0, 1), ("car", "bus")), ClassSpace("mine", (0, 1), ("bus", "car"))
    assert map_classes(model, dataset) == {0: 1, 1: 0}


def test_as_many_outputs_as_a_known_space_are_not_that_space() -> None:
    names = [f"part {number}" for number in range(80)]
    assert space_of_outputs("mine", names).name == "mine"
    assert space_of_outputs("mine", known_spaces()["coco80"].names).name == "coco80"
