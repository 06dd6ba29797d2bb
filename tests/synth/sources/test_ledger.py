"""Every object of a label file is accounted for, whatever is in the file."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from bench.contract import Classes, ClassSpace
from bench.errors import ImageError, UserError
from synth.sources.bdd import BddImage, BddSource, open_bdd
from synth.sources.coco import CocoSource, open_coco
from synth.sources.coco_file import CocoFile, group_annotations, list_records
from synth.sources.folder import open_folder
from synth.sources.ledger import Accounted, excluded_line, pixel_fates
from synth.sources.scalabel import Frame, bdd_classes

SPACE = ClassSpace("mine", (1, 3), ("person", "car"))
BOXES = ([1, 1, 5, 5], [1, 1, 0, 5], [1, 1, 5, 0], [1, 1, -5, 5], None, [1, 1, 5], [0.2, 0.2, 0.3, 0.3])
CROWDS = (0, 0, 0, 1, True, False, "0", None)
IMAGE_IDS = (1, 2, 3, 1.0, 2.0, 9, None, True, 1.5)
SEGMENTS = (None, [], [[1, 1, 5, 1, 5, 5]], [[1, 2]], {}, {"size": [20, 30], "counts": [0, 600]})


def label_file(rng: random.Random) -> CocoFile:
    images = [
        {"id": id, "file_name": f"{id}.png", "height": rng.choice((20, 20, 20, None)), "width": 30} for id in (1, 2, 3)
    ]
    annotations: list[Any] = [
        {
            "id": number,
            "image_id": rng.choice(IMAGE_IDS),
            "category_id": rng.choice((1, 1, 3, 3.0, 2, "1")) if rng.random() < 0.3 else 1,
            "bbox": rng.choice(BOXES) if rng.random() < 0.4 else BOXES[0],
            "iscrowd": rng.choice(CROWDS) if rng.random() < 0.4 else 0,
            "segmentation": rng.choice(SEGMENTS),
        }
        if rng.random() < 0.97
        else rng.choice((None, [], 7))
        for number in range(rng.randrange(9))
    ]
    return CocoFile(Path("labels.json"), images, annotations, SPACE)


def good(item: Any) -> bool:
    """The rules once more, plainly: can the object's image be read as far as this object goes?"""
    box, crowd = item["bbox"], item["iscrowd"]
    return (
        item["category_id"] in (1, 3) and isinstance(box, list) and len(box) == 4 and min(box[2:]) >= 0
        and isinstance(crowd, int)
    )  # fmt: skip


def expected(file: CocoFile, chosen: set[str]) -> Counter[str]:
    fates: Counter[str] = Counter()
    of_image: dict[int, list[Any]] = {1: [], 2: [], 3: []}
    for item in file.annotations:
        number = item.get("image_id") if isinstance(item, dict) else None
        if isinstance(number, bool) or number not in of_image:
            fates["orphan id"] += 1
        else:
            of_image[int(number)].append(item)
    for image in file.images:
        items = of_image[image["id"]]
        if image["height"] is None:
            fates["unusable image"] += len(items)
        elif str(image["id"]) not in chosen:
            fates["not chosen"] += len(items)
        elif not all(map(good, items)):
            fates["unusable image"] += len(items)
        else:
            for item in items:
                flat = 0 in item["bbox"][2:]
                fates["zero area" if flat else "crowd" if item["iscrowd"] else "given"] += 1
    return +fates


def test_the_sums_are_exact_in_ten_thousand_label_files() -> None:
    rng, counted = random.Random(0), 0  # noqa: S311
    seen: Counter[str] = Counter()
    while counted < 10_000:
        file = label_file(rng)
        try:
            grouped, orphans = group_annotations(file)
        except UserError:  # not one annotation belongs to an image
            continue
        records = list_records(file, grouped, Path("nowhere"))
        source = CocoSource("coco", Classes(SPACE), Path("nowhere"), records, None, orphans, len(file.annotations))
        chosen = {id for id in source.ids if rng.random() < 0.8}
        fates = source.fates(chosen)
        assert sum(fates.values()) == len(file.annotations)
        assert fates == expected(file, chosen)
        seen.update(fates)
        counted += 1
    assert (
        min(seen[fate] for fate in ("given", "crowd", "zero area", "unusable image", "orphan id", "not chosen")) > 300
    )


def test_a_folder_accounts_for_its_objects(coco_folder: Path) -> None:
    source = open_coco(coco_folder, {})
    assert isinstance(source, Accounted)
    assert source.fates(source.ids) == {"given": 5, "crowd": 1}
    assert source.fates(source.ids[:1]) == {"given": 1, "not chosen": 5}
    absent = open_coco(coco_folder, {"present": True})
    (coco_folder / "val2017/000000000010.jpg").unlink()
    left = open_coco(coco_folder, {"present": True})
    assert left.fates(left.ids) == {"given": 4, "crowd": 1, "unusable image": 1}
    assert absent.labelled == 6
    assert excluded_line(source.fates(source.ids)) == ""
    assert excluded_line(left.fates(left.ids[:1])) == "1 of 3 objects are excluded: 1 unusable image"


CORNERS = ((1, 1, 5, 5), (1, 1, 1, 5), (1, 5, 5, 5), (5, 1, 1, 5), (0, 0, float("nan"), 1))
CATEGORIES = ("car", "person", "rider", "traffic sign", "other vehicle")
FLAGS: tuple[object, ...] = (False, 0, True, 1, "true")


def scalabel_label(rng: random.Random) -> object:
    if rng.random() < 0.02:
        return rng.choice((None, 7, []))
    label: dict[str, object] = {"category": rng.choice(CATEGORIES) if rng.random() < 0.97 else "ufo"}
    if rng.random() < 0.9:
        corners = rng.choice(CORNERS) if rng.random() < 0.2 else CORNERS[0]
        label["box2d"] = dict(zip(("x1", "y1", "x2", "y2"), corners, strict=True))
    if rng.random() < 0.3:
        label["attributes"] = {"crowd": FLAGS[rng.randrange(5 if rng.random() < 0.2 else 4)]}
    return label


def fate_of(label: Any, coco: bool) -> str:
    """The rules once more, plainly; empty for what is no object."""
    if not isinstance(label, dict):
        return "unusable image"
    if "box2d" not in label:
        return ""
    x1, y1, x2, y2 = label["box2d"].values()
    flag, category = label.get("attributes", {}).get("crowd", False), label["category"]
    if category == "ufo" or not (x1 <= x2 and y1 <= y2):
        return "unusable image"
    if coco and category == "traffic sign":
        return "class left out"
    if x1 == x2 or y1 == y2:
        return "zero area"
    if category != "other vehicle" and isinstance(flag, str):
        return "unusable image"
    return "crowd" if flag or category == "other vehicle" else "given"


def test_the_sums_are_exact_in_ten_thousand_scalabel_files() -> None:
    rng = random.Random(1)  # noqa: S311
    seen: Counter[str] = Counter()
    for _ in range(10_000):
        coco = rng.random() < 0.5
        frames = {id: [scalabel_label(rng) for _ in range(rng.randrange(6))] for id in "abc"}
        items = {id: BddImage(Path(id), Frame(f"{id}.jpg", {}, labels, False)) for id, labels in frames.items()}
        source = BddSource("bdd", Classes(bdd_classes(False, coco)), items, None, False, ())
        chosen = {id for id in items if rng.random() < 0.8}
        expected: Counter[str] = Counter()
        for id, labels in frames.items():
            fates = [fate for label in labels if (fate := fate_of(label, coco))]
            one = "not chosen" if id not in chosen else "unusable image" if "unusable image" in fates else ""
            expected.update([one] * len(fates) if one else fates)
        found = source.fates(chosen)
        assert found == expected
        assert sum(found.values()) == sum(bool(fate_of(label, coco)) for labels in frames.values() for label in labels)
        seen.update(found)
    fates = ("given", "crowd", "zero area", "class left out", "unusable image", "not chosen")
    assert min(seen[fate] for fate in fates) > 300


def test_what_is_given_is_what_is_read() -> None:
    rng, read = random.Random(2), 0  # noqa: S311
    while read < 300:
        items = {"a": BddImage(Path("a"), Frame("a.jpg", {}, [scalabel_label(rng) for _ in range(4)], False))}
        source = BddSource("bdd", Classes(bdd_classes(False, True)), items, None, False, ())
        try:
            instances = source._instances(items["a"], (20, 30))
        except ImageError:
            continue
        assert instances is not None
        fates = source.fates("a")
        assert fates.get("given", 0) == (~instances.crowd).sum()
        assert fates.get("crowd", 0) == instances.crowd.sum()
        read += 1


def test_objects_of_bitmasks_and_pixels_of_label_maps(tmp_path: Path) -> None:
    for place in ("images/10k/val", "labels/sem_seg/masks/val", "labels/ins_seg/bitmasks/val"):
        (tmp_path / place).mkdir(parents=True)
    bits = np.zeros((8, 10, 4), dtype=np.uint8)
    bits[0], bits[2], bits[4] = (3, 0, 0, 1), (3, 0, 0, 2), (2, 0b10, 0, 1)
    for name in "abc":
        Pillow.fromarray(bits[..., :3]).save(tmp_path / f"images/10k/val/{name}.jpg")
        Pillow.fromarray(bits).save(tmp_path / f"labels/ins_seg/bitmasks/val/{name}.png")
    for name in "abx":
        Pillow.fromarray(bits[..., 3]).save(tmp_path / f"labels/sem_seg/masks/val/{name}.png")
    source = open_bdd(tmp_path, {"labels": ("ins_seg", "sem_seg"), "image_size": "any"})
    assert source.fates(("a", "b")) == {"given": 4, "crowd": 2}
    assert pixel_fates(source, source.ids, ("a",)) == {"given": 80, "not chosen": 80, "unpaired": 80}


def test_two_frames_of_one_stem_are_refused(tmp_path: Path) -> None:
    (tmp_path / "images/100k/val").mkdir(parents=True)
    Pillow.new("RGB", (9, 9)).save(tmp_path / "images/100k/val/a.jpg")
    (tmp_path / "labels/det_20").mkdir(parents=True)
    (tmp_path / "labels/det_20/det_val.json").write_text('[{"name": "a.jpg"}, {"name": "a.png"}]')
    with pytest.raises(UserError, match=r"'a\.jpg' and 'a\.png' share a stem"):
        open_bdd(tmp_path, {})


def test_the_sums_over_a_thousand_label_maps_are_exact(tmp_path: Path) -> None:
    rng, pixels = random.Random(3), 0  # noqa: S311
    for place in ("val", "valannot"):
        (tmp_path / place).mkdir()
    (tmp_path / "classes.csv").write_text("id,name\n0,road\n")
    for number in range(1000):
        size = (rng.randrange(1, 40), rng.randrange(1, 40))
        pixels += size[0] * size[1]
        Pillow.new("L", size).save(tmp_path / f"valannot/{number}.png")
        if rng.random() < 0.9:
            (tmp_path / f"val/{number}.png").touch()
    source = open_folder(tmp_path, {"images": "val", "masks": "valannot"})
    chosen = [id for id in source.ids if rng.random() < 0.5]
    fates = pixel_fates(source, source.ids, chosen)
    assert sum(fates.values()) == pixels
    assert fates.keys() == {"given", "not chosen", "unpaired"}
