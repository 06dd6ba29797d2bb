import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image as Pillow

from bench.errors import UserError
from synth.sources.coco import open_coco
from synth.sources.doctor import examine, sources_in
from synth.sources.folder import open_folder

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
    assert len(found) == 10


def test_faults_of_a_plain_folder(camvid_folder: Path) -> None:
    (camvid_folder / "val" / "a.png").unlink()
    (camvid_folder / "valannot" / "b.png").unlink()
    Pillow.new("L", (64, 48), 99).save(camvid_folder / "valannot" / "c.png")
    source = open_folder(camvid_folder, {"images": "val", "masks": "valannot"})
    found = [(finding.fault, finding.image) for finding in examine(source)]
    assert found == [("unpaired", "a"), ("unpaired", "b"), ("unusable", "b"), ("unusable", "c")]


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


@pytest.mark.parametrize("kind", ["coco", "bdd", "data"])
def test_an_empty_folder_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(UserError, match="Expected"):
        sources_in(kind, tmp_path)  # type: ignore[arg-type]


@pytest.mark.shared
def test_the_real_photographs_are_sound(shared: Path) -> None:
    (source,) = (offered.source for offered in sources_in("coco", shared / "data/coco"))
    assert {finding.fault for finding in examine(source)} <= {"greyscale", "box outside", "class absent"}
