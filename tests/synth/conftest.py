"""Small folders of photographs in the official layouts, with the labels a test wants."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as Pillow

Make = Callable[[int, int, int], npt.NDArray[np.uint8]]

SQUARE = [8.0, 4.0, 28.0, 4.0, 28.0, 20.0, 8.0, 20.0]


@pytest.fixture
def coco_content() -> dict[str, list[dict[str, object]]]:
    """Six images of 64x48 (the last upright), each with a polygon; image 20 has a crowd, image 60 nothing."""
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for number in (10, 20, 30, 40, 50, 60):
        height, width = (64, 48) if number == 60 else (48, 64)
        images.append({"id": number, "file_name": f"{number:012}.jpg", "height": height, "width": width})
        if number == 60:
            continue
        box = {"image_id": number, "bbox": [8.0, 4.0, 20.0, 16.0], "area": 320.0, "iscrowd": 0}
        annotations.append({**box, "id": 1000 + number, "category_id": 3, "segmentation": [SQUARE]})
        if number == 20:
            runs = {"size": [48, 64], "counts": [100, 48, 2924]}
            annotations.append({**box, "id": 2000, "category_id": 1, "iscrowd": 1, "segmentation": runs})
    categories: list[dict[str, object]] = [{"id": 1, "name": "person"}, {"id": 3, "name": "car"}]
    return {"images": images, "annotations": annotations, "categories": categories}


@pytest.fixture
def coco_folder(tmp_path: Path, image_of: Make, coco_content: dict[str, list[dict[str, object]]]) -> Path:
    """``coco_content`` on disk, in the official layout."""
    root = tmp_path / "coco"
    (root / "val2017").mkdir(parents=True)
    for image in coco_content["images"]:
        pixels = image_of(int(str(image["height"])), int(str(image["width"])), int(str(image["id"])))
        Pillow.fromarray(pixels).save(root / "val2017" / str(image["file_name"]), quality=95)
    write_labels(root, coco_content)
    return root


@pytest.fixture
def camvid_folder(tmp_path: Path, image_of: Make) -> Path:
    """Three 64x48 photographs ``a b c`` with masks of the classes 0 and 2 and 11 = void."""
    root = tmp_path / "camvid"
    for place in ("val", "valannot"):
        (root / place).mkdir(parents=True)
    for number, stem in enumerate("abc"):
        Pillow.fromarray(image_of(48, 64, number)).save(root / "val" / f"{stem}.png")
        mask = np.zeros((48, 64), dtype=np.uint8)
        mask[10:20], mask[40:] = 2, 11
        Pillow.fromarray(mask).save(root / "valannot" / f"{stem}.png")
    (root / "classes.csv").write_text("id,name\n0,sky\n1,building\n2,pole\n11,void\n")
    return root


def write_labels(root: Path, content: object) -> None:
    (root / "annotations").mkdir(exist_ok=True)
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(content))


@pytest.fixture
def relabel() -> Callable[[Path, object], None]:
    """Write other labels into a COCO folder."""
    return write_labels
