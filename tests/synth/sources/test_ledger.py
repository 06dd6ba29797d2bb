"""Every object of a label file is accounted for, whatever is in the file."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

from bench.contract import Classes, ClassSpace
from bench.errors import UserError
from synth.sources.coco import CocoSource, open_coco
from synth.sources.coco_file import CocoFile, group_annotations, list_records
from synth.sources.ledger import Accounted, excluded_line

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
