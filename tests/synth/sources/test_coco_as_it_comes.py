"""COCO files as other programs write them: nothing is misread, nothing is lost without a word."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from unicodedata import normalize

import pytest
from PIL import Image as Pillow

from bench.errors import ImageError, UserError
from synth.sources.coco import CocoSource, open_coco
from synth.sources.doctor import examine, sources_in

Content = dict[str, list[dict[str, object]]]
Relabel = Callable[[Path, object], None]
FIRST = "000000000010"


def faults_of(source: CocoSource) -> Mapping[str, str]:
    return {finding.fault: finding.detail for finding in examine(source)}


def test_whole_floats_are_the_numbers_they_are(coco_folder: Path, coco_content: Content, relabel: Relabel) -> None:
    wanted = open_coco(coco_folder, {}).load("000000000020").truth.instances
    for annotation in coco_content["annotations"]:
        annotation |= {key: float(str(annotation[key])) for key in ("id", "image_id", "category_id", "iscrowd")}
    for image in coco_content["images"]:
        image |= {key: float(str(image[key])) for key in ("id", "height", "width")}
    for category in coco_content["categories"]:
        category["id"] = float(str(category["id"]))
    relabel(coco_folder, coco_content)
    source = open_coco(coco_folder, {})
    found = source.load("000000000020").truth.instances
    assert found is not None
    assert wanted is not None
    assert found.class_ids.tolist() == wanted.class_ids.tolist()
    assert found.masks == wanted.masks
    assert (source.image_id("000000000020"), source.annotation_ids("000000000020")) == (20, (1020, 2000))
    assert source.orphans == 0


def test_text_as_image_id_is_refused_by_name(coco_folder: Path, coco_content: Content, relabel: Relabel) -> None:
    coco_content["annotations"][2]["image_id"] = "20"
    relabel(coco_folder, coco_content)
    with pytest.raises(UserError, match="1 of 6 annotations have text as image_id, first annotation 3 with '20'"):
        open_coco(coco_folder, {})


@pytest.mark.parametrize("value", [0, None, 10.5, True])
def test_if_every_annotation_is_an_orphan_nothing_is_scored(
    coco_folder: Path, coco_content: Content, relabel: Relabel, value: object
) -> None:
    for annotation in coco_content["annotations"]:
        annotation["image_id"] = value
    relabel(coco_folder, coco_content)
    with pytest.raises(UserError, match=r"none of its 6 annotations belongs to a listed image.*first image has id 10"):
        open_coco(coco_folder, {})


@pytest.mark.parametrize("value", ["0", "1", "false", 2, None, [], 0.5])
def test_a_crowd_that_is_neither_yes_nor_no_costs_the_image(
    coco_folder: Path, coco_content: Content, relabel: Relabel, value: object
) -> None:
    coco_content["annotations"][0]["iscrowd"] = value
    relabel(coco_folder, coco_content)
    source = open_coco(coco_folder, {})
    with pytest.raises(ImageError, match=r"annotation 1010: iscrowd: expected 0, 1, false or true"):
        source.load(FIRST)
    assert source.objects(FIRST) == 1
    source.load("000000000020")


def test_a_file_of_crowds_alone_is_noted(coco_folder: Path, coco_content: Content, relabel: Relabel) -> None:
    for annotation in coco_content["annotations"]:
        annotation["iscrowd"] = True
    relabel(coco_folder, coco_content)
    assert (
        faults_of(open_coco(coco_folder, {}))["crowd only"] == "all 6 objects are crowds (iscrowd 1), which are ignored"
    )


def test_a_file_without_objects_is_noted(coco_folder: Path, coco_content: Content, relabel: Relabel) -> None:
    relabel(coco_folder, {**coco_content, "annotations": []})
    assert "no image has a labelled object" in faults_of(open_coco(coco_folder, {}))["no objects"]


def test_boxes_as_shares_of_the_image_are_noted(coco_folder: Path, coco_content: Content, relabel: Relabel) -> None:
    for annotation in coco_content["annotations"]:
        annotation["bbox"] = [0.1, 0.1, 0.3, 0.4]
    relabel(coco_folder, coco_content)
    assert "all 6 boxes are smaller than a pixel" in faults_of(open_coco(coco_folder, {}))["tiny boxes"]


@pytest.mark.parametrize(
    "junk", [[[]], [[1, 2, 3, 4]], [1, 2, 3, 4, 5, 6], {}, None, [[8, 4, 28, 4, 28, 20], [1, 2, 3, 4]]]
)
def test_what_is_no_mask_costs_no_box(coco_folder: Path, coco_content: Content, relabel: Relabel, junk: object) -> None:
    coco_content["annotations"][0]["segmentation"] = junk
    relabel(coco_folder, coco_content)
    source = open_coco(coco_folder, {})
    instances = source.load(FIRST).truth.instances
    assert instances is not None
    assert instances.boxes.tolist() == [[8, 4, 28, 20]]
    assert instances.masks is None
    found = [(finding.fault, finding.image) for finding in examine(source)]
    assert ("no mask", FIRST) in found
    assert len([fault for fault, _ in found if fault == "no mask"]) == 1


def test_boxes_alone_are_nothing_to_speak_of(coco_folder: Path, coco_content: Content, relabel: Relabel) -> None:
    for annotation in coco_content["annotations"]:
        del annotation["segmentation"]
    relabel(coco_folder, coco_content)
    assert "no mask" not in faults_of(open_coco(coco_folder, {}))


@pytest.mark.parametrize(
    ("written", "id"),
    [
        (f"{FIRST}.JPG", FIRST),
        (f"/home/me/data/{FIRST}.jpg", FIRST),
        (f"C:\\data\\val\\{FIRST}.jpg", FIRST),
        (f"\\\\server\\data\\{FIRST}.jpg", FIRST),
        (f".\\{FIRST}.jpg", f"./{FIRST}"),
        (f"./{FIRST}.jpg", f"./{FIRST}"),
    ],
)
def test_a_file_of_another_name_is_found_and_told(
    coco_folder: Path, coco_content: Content, relabel: Relabel, written: str, id: str
) -> None:
    pixels = open_coco(coco_folder, {}).load(FIRST).clean
    coco_content["images"][0]["file_name"] = written
    relabel(coco_folder, coco_content)
    source = open_coco(coco_folder, {})
    assert source.ids[0] == id
    assert (source.load(id).clean == pixels).all()
    found = {finding.fault for finding in examine(source)} - {"class absent"}
    assert found == ({"other name"} if written != f"./{FIRST}.jpg" else set())


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_unicode_forms_are_one_name(
    coco_folder: Path, coco_content: Content, relabel: Relabel, forms: tuple[str, str]
) -> None:
    on_disk, in_file = (normalize(form, "straße é") for form in forms)  # type: ignore[arg-type]
    (coco_folder / "val2017" / f"{FIRST}.jpg").rename(coco_folder / "val2017" / f"{on_disk}.jpg")
    coco_content["images"][0]["file_name"] = f"{in_file}.jpg"
    relabel(coco_folder, coco_content)
    source = open_coco(coco_folder, {})
    source.load(source.ids[0])


def test_folders_parted_by_backslashes(coco_folder: Path, coco_content: Content, relabel: Relabel) -> None:
    for image in coco_content["images"]:
        image["file_name"] = f"val2017\\{image['file_name']}"
    relabel(coco_folder, coco_content)
    source = open_coco(coco_folder, {})
    assert source.ids[0] == f"val2017/{FIRST}"
    assert source.load(source.ids[0]).clean is not None


def test_two_files_that_differ_in_case_alone_are_not_guessed_at(
    coco_folder: Path, coco_content: Content, relabel: Relabel
) -> None:
    image = (coco_folder / "val2017" / f"{FIRST}.jpg").read_bytes()
    for name in ("A.jpg", "a.jpg"):
        (coco_folder / "val2017" / name).write_bytes(image)
    coco_content["images"][0]["file_name"] = "A.JPG"
    relabel(coco_folder, coco_content)
    with pytest.raises(ImageError, match="no such image"):
        open_coco(coco_folder, {}).load("A")


def test_one_file_is_not_two_images(coco_folder: Path, coco_content: Content, relabel: Relabel) -> None:
    coco_content["images"][1]["file_name"] = f"/elsewhere/x/{FIRST}.JPG"
    relabel(coco_folder, coco_content)
    source = open_coco(coco_folder, {})
    source.load(source.ids[0])
    with pytest.raises(ImageError, match="which is the file of image"):
        source.load(source.ids[1])


def test_a_wrong_ending_shows_the_nearest_file(coco_folder: Path, coco_content: Content, relabel: Relabel) -> None:
    coco_content["images"][0]["file_name"] = f"{FIRST}.png"
    relabel(coco_folder, coco_content)
    with pytest.raises(ImageError, match=rf"{FIRST}.png: no such image; the nearest file is '{FIRST}.jpg'"):
        open_coco(coco_folder, {}).load(FIRST)
    for image in coco_content["images"]:
        image["file_name"] = str(image["file_name"]).replace("jpg", "png")
    relabel(coco_folder, coco_content)
    with pytest.raises(UserError, match=rf"the first is '{FIRST}.png', the nearest file is '{FIRST}.jpg'"):
        open_coco(coco_folder, {})


def test_two_images_of_one_stem_keep_their_endings(coco_folder: Path, coco_content: Content, relabel: Relabel) -> None:
    Pillow.new("RGB", (64, 48)).save(coco_folder / "val2017" / f"{FIRST}.png")
    coco_content["images"][1]["file_name"] = f"{FIRST}.png"
    relabel(coco_folder, coco_content)
    source = open_coco(coco_folder, {})
    assert source.ids[:2] == (f"{FIRST}.jpg", f"{FIRST}.png")
    clean = source.load(f"{FIRST}.png").clean
    assert clean is not None
    assert not clean.any()
    coco_content["images"][1]["file_name"] = f"{FIRST}.jpg"
    relabel(coco_folder, coco_content)
    with pytest.raises(UserError, match="two images are called"):
        open_coco(coco_folder, {})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": 1152921504606846976}, r"expected a whole number from 0 to 2\^53 as image id, found '115292"),
        ({"height": None, "width": None}, "does not say the image's height and width"),
        ({"height": "48"}, "impossible size 64x48"),
    ],
)
def test_a_faulty_record_says_what_is_wrong_and_its_file_is_not_extra(
    coco_folder: Path, coco_content: Content, relabel: Relabel, change: dict[str, object], said: str
) -> None:
    coco_content["images"][0] |= change
    relabel(coco_folder, coco_content)
    source = open_coco(coco_folder, {})
    with pytest.raises(ImageError, match=said):
        source.load(FIRST)
    assert "extra file" not in faults_of(source)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content.update(annotations={}), "'annotations' is an object"),
        (lambda content: content.pop("categories"), "there is no 'categories'"),
        (lambda content: content["categories"][0].update(id=2**64), r"whole numbers up to 2\^53 as id"),
        (lambda content: content["images"][0].pop("file_name"), "image 1 has no file_name; it has height, id, width"),
        (
            lambda content: content["images"][0].update(file_name=None, coco_url="http://x/1.jpg"),
            "LVIS gives coco_url instead",
        ),
    ],
)
def test_a_file_of_another_kind_says_what_is_absent(
    coco_folder: Path, coco_content: Content, relabel: Relabel, change: Callable[[Content], object], said: str
) -> None:
    change(coco_content)
    relabel(coco_folder, coco_content)
    with pytest.raises(UserError, match=said):
        open_coco(coco_folder, {})


@pytest.mark.parametrize(
    "name", ["_annotations.coco.json", "result.json", "annotations.json", "annotations/instances_default.json"]
)
def test_the_only_coco_file_of_a_folder_is_found(
    tmp_path: Path, coco_folder: Path, coco_content: Content, name: str
) -> None:
    root = coco_folder / "val2017" if "/" not in name else coco_folder
    (coco_folder / "annotations/instances_val2017.json").unlink()
    (root / name).write_text(json.dumps(coco_content))
    (root / "notes.json").write_text("{}")
    assert len(open_coco(root, {}).ids) == 6
    (offered,) = sources_in("coco", root)
    assert len(offered.source.ids) == 6
    with pytest.raises(UserError, match=r"no annotations/instances_train\.json or instances_train\.json"):
        open_coco(root, {"split": "train"})
    (root / "second.json").write_text(json.dumps(coco_content))
    with pytest.raises(UserError, match=r"it has .*second.json.*parameters = \{ annotations"):
        open_coco(root, {})


def test_the_label_file_may_lie_beside_its_photographs_below_the_root(
    tmp_path: Path, coco_folder: Path, coco_content: Content
) -> None:
    (coco_folder / "val2017").rename(tmp_path / "valid")
    (tmp_path / "valid/_annotations.coco.json").write_text(json.dumps(coco_content))
    source = open_coco(tmp_path, {"annotations": "valid/_annotations.coco.json"})
    assert source.load(FIRST).clean is not None
