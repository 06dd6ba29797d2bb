import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from bench.errors import UserError
from synth.sources.coco import open_coco
from synth.sources.doctor import examine, sources_in
from synth.sources.folder import open_folder
from synth.sources.pairs import open_pairs

Content = dict[str, list[dict[str, object]]]
Relabel = Callable[[Path, object], None]


def test_a_sound_folder(coco_folder: Path) -> None:
    done: list[str] = []
    source = open_coco(coco_folder, {})
    assert list(examine(source, done.append)) == []
    assert done == list(source.ids)


def test_every_fault_of_a_coco_folder_has_a_name(coco_folder: Path, coco_content: Content, relabel: Relabel) -> None:
    images = coco_folder / "val2017"
    rotated = Pillow.Exif()
    rotated[0x0112] = 8
    (images / "000000000010.jpg").unlink()
    Pillow.open(images / "000000000020.jpg").save(images / "000000000020.jpg", exif=rotated)
    Pillow.open(images / "000000000030.jpg").convert("L").save(images / "000000000030.jpg")
    coco_content["annotations"][3]["bbox"] = [50.0, 4.0, 20.0, 16.0]
    coco_content["annotations"].append({**coco_content["annotations"][3], "id": 5, "bbox": [1, 1, 0, 5]})
    coco_content["annotations"].append({**coco_content["annotations"][3], "id": 6, "image_id": 77})
    coco_content["annotations"][4]["category_id"] = 2
    coco_content["images"][4]["width"] = 65
    (images / "holiday.jpg").write_bytes(b"")
    relabel(coco_folder, coco_content)
    found = {(finding.fault, finding.image): finding.detail for finding in examine(open_coco(coco_folder, {}))}
    assert "no such image" in found["unusable", "000000000010"]
    assert "rotated by EXIF" in found["unusable", "000000000020"]
    assert "no colour" in found["greyscale", "000000000030"]
    assert "50, 4, 70, 20" in found["box outside", "000000000030"]
    assert "1 boxes" in found["zero area", "000000000030"]
    assert "unknown category id 2" in found["unusable", "000000000040"]
    assert "expected 65x48" in found["unusable", "000000000050"]
    assert "1 annotations" in found["orphan annotation", ""]
    assert ("extra file", "holiday.jpg") in found
    assert found["class absent", ""] == "1 of 2 classes have no object: person"
    assert found["excluded", ""] == "7 of 8 objects are excluded: 1 zero area, 5 unusable image, 1 orphan id"
    assert len(found) == 11


def test_faults_of_a_plain_folder(camvid_folder: Path) -> None:
    (camvid_folder / "val" / "a.png").unlink()
    (camvid_folder / "valannot" / "b.png").unlink()
    Pillow.new("L", (64, 48), 99).save(camvid_folder / "valannot" / "c.png")
    source = open_folder(camvid_folder, {"images": "val", "masks": "valannot"})
    found = [(finding.fault, finding.image) for finding in examine(source)]
    assert found == [("unpaired", "a"), ("unpaired", "b"), ("unusable", "b"), ("unusable", "c"), ("excluded", "")]
    (line,) = (finding.detail for finding in examine(source) if finding.fault == "excluded")
    area = 48 * 64
    assert line == f"{2 * area} of {2 * area} pixels are excluded: {area} unpaired, {area} unusable image"


def test_labels_that_are_null_or_flat(tmp_path: Path) -> None:
    root = tmp_path / "bdd100k"
    (root / "images/100k/val").mkdir(parents=True)
    (root / "labels/det_20").mkdir(parents=True)
    flat = {"category": "car", "box2d": {"x1": 3, "y1": 3, "x2": 3, "y2": 9}}
    frames = [{"name": "a.jpg", "labels": None}, {"name": "b.jpg", "labels": [flat]}, {"name": "absent.jpg"}]
    (root / "labels/det_20/det_val.json").write_text(json.dumps(frames))
    for name in "abc":
        Pillow.effect_noise((1280, 720), 60).convert("RGB").save(root / f"images/100k/val/{name}.jpg")
    (source,) = (offered.source for offered in sources_in("bdd", root))
    found = Counter((finding.fault, finding.image) for finding in examine(source) if finding.fault != "greyscale")
    assert found == {
        ("labels null", "a"): 1,
        ("zero area", "b"): 1,
        ("labels null", "absent"): 1,
        ("unpaired", "absent"): 1,
        ("unpaired", "c"): 1,
        ("unusable", "absent"): 1,
        ("class absent", ""): 1,
    }


def test_what_a_folder_offers(coco_folder: Path, camvid_folder: Path, tmp_path: Path) -> None:
    assert [len(offered.source.ids) for offered in sources_in("coco", coco_folder)] == [6]
    assert [len(offered.source.ids) for offered in sources_in("data", camvid_folder)] == [3]
    assert [offered.label for offered in sources_in("data", camvid_folder / "val")] == ["folder"]
    (tmp_path / "set").mkdir()
    (camvid_folder / "val").rename(tmp_path / "set/clean")
    (tmp_path / "set/rainy").mkdir()
    Pillow.new("RGB", (64, 48)).save(tmp_path / "set/rainy/a.png")
    (source,) = (offered.source for offered in sources_in("data", tmp_path / "set"))
    assert [(finding.fault, finding.image) for finding in examine(source)] == [
        ("unpaired", "b"),
        ("unpaired", "c"),
        ("greyscale", "a"),
    ]


def write_images(root: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Pillow.effect_noise((64, 48), 40 + number).convert("RGB").save(root / name)
    return root


@pytest.mark.parametrize(
    ("names", "label"),
    [
        (("rainy_image/901_1.jpg", "ground_truth/901.jpg"), "pairs, set rain14000 or test2800"),
        (("rainy/001_in.png", "groundtruth/001_GT.png"), "pairs, set rain12"),
        (("rainy/rain-001.png", "norain-001.png"), "pairs, set rain100h or rain100l or rain1800"),
        (("rain/X2/norain-1x2.png", "norain/norain-1.png"), "pairs, set rain100h or rain100l or rain1800"),
        (("input/a.png", "target/a.png"), "pairs, set any"),
        (("a.png", "b.png"), "folder"),
    ],
)
def test_every_published_layout_is_tried(tmp_path: Path, names: tuple[str, ...], label: str) -> None:
    assert [offered.label for offered in sources_in("data", write_images(tmp_path, *names))] == [label]


def test_pairs_in_one_file_are_recognised(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for number in (1, 2, 3):
        coarse = Pillow.fromarray(rng.integers(0, 255, (6, 8, 3)).astype(np.uint8))
        clean = np.asarray(coarse.resize((80, 60), Pillow.Resampling.BICUBIC)).astype(int)
        rainy = np.minimum(clean + rng.integers(0, 60, clean.shape), 255)
        Pillow.fromarray(np.hstack([rainy, clean]).astype(np.uint8)).save(tmp_path / f"{number}.png")
    (offered,) = sources_in("data", tmp_path)
    assert offered.label == "pairs, set rain1200, right half clean"
    (offered,) = sources_in("data", tmp_path, "rain800")
    assert offered.label == "pairs, set rain800, left half clean"
    with pytest.raises(UserError, match="unknown set of pairs 'rain8'"):
        sources_in("data", tmp_path, "rain8")
    with pytest.raises(UserError, match="only pairs come in published sets"):
        sources_in("coco", tmp_path, "rain800")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("rainy/001.png", "rainy/002.png", "clean/1.png"), r"no names pair: rainy/ has 001, 002.*clean/ has 1"),
        (("rainy/0.jpg", "rainy/0.png", "clean/0.png"), r"rainy: 0.png and 0.jpg share a stem"),
        (("rainy/0.jpg", "clean/more/0.png"), r"clean/ holds no images"),
    ],
)
def test_pairs_that_do_not_pair_say_why(tmp_path: Path, names: tuple[str, ...], said: str) -> None:
    write_images(tmp_path, *names)
    for read in (lambda: sources_in("data", tmp_path), lambda: open_pairs(tmp_path, {})):
        with pytest.raises(UserError, match=said) as caught:
            read()
        assert "not a known layout" not in str(caught.value)


def test_a_folder_of_nothing_says_what_was_looked_for(tmp_path: Path) -> None:
    write_images(tmp_path, "images/a.png", "more/b.png")
    with pytest.raises(
        UserError, match=r"holds no images \(it has 1 images in images/, 1 images in more/\), no folder NAME"
    ):
        sources_in("data", tmp_path)


def test_what_looks_like_an_image_and_is_not_read_is_told(tmp_path: Path) -> None:
    write_images(tmp_path, "rainy/a.png", "clean/a.png", "clean/c.gif")
    (tmp_path / "rainy/b.jfif").write_bytes(b"")
    (offered,) = sources_in("data", tmp_path)
    found = [finding.detail for finding in examine(offered.source) if finding.fault == "not read"]
    assert found == [f"{tmp_path}/rainy: 1 files ending in .jfif", f"{tmp_path}/clean: 1 files ending in .gif"]
    (offered,) = sources_in("data", tmp_path / "rainy")
    assert "not read" in [finding.fault for finding in examine(offered.source)]


def test_names_in_another_unicode_form_pair(tmp_path: Path) -> None:
    composed, parted = "stra\u00dfe \u00e9", "stra\u00dfe e\u0301"
    write_images(tmp_path / "p", f"rainy/{composed}.png", f"clean/{parted}.png")
    (offered,) = sources_in("data", tmp_path / "p")
    assert offered.source.ids == (composed,)
    offered.source.load(composed)
    root = write_images(tmp_path / "m", f"val/{parted}.png")
    (root / "valannot").mkdir()
    Pillow.new("L", (64, 48)).save(root / f"valannot/{composed}.png")
    (root / "classes.csv").write_text("id,name\n0,sky\n")
    (offered,) = sources_in("data", root)
    assert offered.source.load(parted).truth.label_map is not None
    assert not [finding for finding in examine(offered.source) if finding.fault == "unpaired"]


def test_masks_of_0_and_255_and_classes_that_occur_nowhere(camvid_folder: Path) -> None:
    for path in (camvid_folder / "valannot").iterdir():
        mask = np.zeros((48, 64), dtype=np.uint8)
        mask[:12] = 255
        Pillow.fromarray(mask).save(path)
    (offered,) = sources_in("data", camvid_folder)
    found = {finding.fault: finding.detail for finding in examine(offered.source)}
    assert found["class absent"] == "2 of 3 classes have no pixel: building, pole"
    assert "nothing but 0 and 255, which is not labelled: 2304 of 9216 pixels" in found["nothing labelled"]
    for path in (camvid_folder / "valannot").iterdir():
        Pillow.new("L", (64, 48), 255).save(path)
    found = {finding.fault: finding.detail for finding in examine(offered.source)}
    assert found["nothing labelled"] == "no pixel of the 3 label maps has a class"


def test_a_label_file_that_is_there_and_wrong_is_said_alone(tmp_path: Path) -> None:
    root = write_images(tmp_path, "images/100k/val/a.jpg")
    (root / "labels/det_20").mkdir(parents=True)
    path = root / "labels/det_20/det_val.json"
    path.write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    with pytest.raises(UserError, match=r"det_val.json: expected a Scalabel file") as caught:
        sources_in("bdd", root)
    assert "train" not in str(caught.value)
    path.write_text(json.dumps([{"name": "a.jpg", "labels": []}]))
    (offered,) = sources_in("bdd", root)
    (finding,) = (found for found in examine(offered.source) if found.fault == "unusable")
    assert (
        "expected 1280x720 pixels as BDD100K has them, found 64x48. If the labels fit, set image_size" in finding.detail
    )


@pytest.mark.parametrize("kind", ["coco", "bdd", "data"])
def test_an_empty_folder_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(UserError, match="Expected"):
        sources_in(kind, tmp_path)  # type: ignore[arg-type]


@pytest.mark.shared
def test_the_real_photographs_are_sound(shared: Path) -> None:
    (source,) = (offered.source for offered in sources_in("coco", shared / "data/coco"))
    assert {finding.fault for finding in examine(source)} <= {"greyscale", "box outside", "class absent"}


def test_published_layouts_of_labels_are_recognised(tmp_path: Path) -> None:
    for number, name in enumerate(("Rain/a.jpg", "frame_camera/train/rain/day/REC_1_frame_camera.png")):
        path = tmp_path / str(number) / name
        path.parent.mkdir(parents=True)
        Pillow.new("RGB", (16, 12), (number, 9, 9)).save(path)
    (tmp_path / "0/Rain/Rain_YOLO_darknet").mkdir()
    (tmp_path / "0/Rain/Rain_YOLO_darknet/a.txt").write_text("3 0.5 0.5 0.5 0.5\n")
    (tmp_path / "1/gt_semantic/train/rain/day").mkdir(parents=True)
    Pillow.new("L", (16, 12), 8).save(tmp_path / "1/gt_semantic/train/rain/day/REC_1_gt_labelTrainIds.png")
    assert [offered.label for offered in sources_in("data", tmp_path / "0")] == ["layout dawn, boxes"]
    assert [offered.label for offered in sources_in("data", tmp_path / "1")] == ["layout muses, masks, train"]
