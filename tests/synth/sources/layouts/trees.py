"""Miniature trees in published layouts: what a test wants of each, and nothing else."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

Photo = Callable[..., Path]
SIZE = (48, 64)


def write_map(path: Path, numbers: list[int], size: tuple[int, int] = SIZE) -> None:
    """A label map of as many rows of equal height as there are numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = np.repeat(np.array(numbers, dtype=np.uint8), size[0] // len(numbers))
    Pillow.fromarray(np.tile(rows[:, None], (1, size[1]))).save(path)


def voc_object(name: str, box: tuple[float, float, float, float], more: str = "") -> str:
    sides = "".join(
        f"<{side}>{value}</{side}>" for side, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return f"\n<object><name>{name}</name>{more}<bndbox>{sides}</bndbox></object>"


def voc_text(*objects: str, size: tuple[int, int] = SIZE, image: str = "") -> str:
    sides = f"\n<size><width>{size[1]}</width><height>{size[0]}</height><depth>3</depth></size>"
    return f"<annotation><filename>{image}</filename>{sides}{''.join(objects)}\n</annotation>\n"


def write_text(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def write_coco(path: Path, names: dict[int, str], boxes: list[tuple[int, int, int, list[float]]]) -> None:
    """ACDC's classes; boxes are (id, image, category, x y width height)."""
    images = [{"id": number, "file_name": name, "height": SIZE[0], "width": SIZE[1]} for number, name in names.items()]
    annotations = [
        {"id": id, "image_id": image, "category_id": category, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
        for id, image, category, box in boxes
    ]
    categories = [{"id": 24, "name": "person"}, {"id": 25, "name": "rider"}, {"id": 26, "name": "car"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    write_text(path, json.dumps(content))
