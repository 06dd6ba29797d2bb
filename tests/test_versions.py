"""Numbers and rain do not move while their version stays, on evidence and images made of whole numbers.

``golden/versions.csv`` was written by the failure messages of this file: recorded on x86-64 with Python 3.11, NumPy 2.4
and pycocotools 2.0.11 in November 2026, when tasks got versions. Whether the numbers are right is tested beside every
metric with independent references; the counts here can be checked by eye in ``OBJECTS``.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from bench.contract import (
    Classes,
    ClassSpace,
    Detections,
    Evidence,
    Image,
    Instances,
    Measure,
    Options,
    Parameters,
    Sample,
    Truth,
)
from bench.errors import UserError
from bench.io.masks import encode
from bench.protocols import SelfReference, Task
from synth import RAINS
from synth.rain.renderer import Renderer
from tasks import TASKS

GOLDEN = Path(__file__).parent / "golden/versions.csv"
SPACE = ClassSpace("toys", (5, 8), ("car", "bus"))
SIZE = (180, 192)
TOLERANCE = 1e-6  # tables have six decimals


def pixels(step: int) -> Image:
    """A picture of whole numbers: stripes, a dark edge, and dots that ``step`` makes brighter and redder."""
    rows, columns = np.mgrid[0 : SIZE[0], 0 : SIZE[1]]
    image = np.stack([(rows * 2 + columns) % 200, 40 + columns // 2, 60 + rows // 3 + (columns // 9) % 2 * 50], -1)
    image[:, :40] //= 16  # dark enough for the constants of SSIM to matter
    image[::7, ::5] += np.array([step, 0, step // 2])
    return image.astype(np.uint8)


def boxes_of(*corners: tuple[int, int, int, int]) -> np.ndarray:
    return np.array(corners, dtype=np.float64).reshape(-1, 4)


def masks_of(boxes: np.ndarray) -> tuple:
    masks = np.zeros((len(boxes), *SIZE), dtype=bool)
    for mask, (left, top, right, bottom) in zip(masks, boxes.astype(int), strict=True):
        mask[top:bottom, left:right] = True
    return tuple(encode(mask) for mask in masks)


def truth_of(classes: list[int], *corners: tuple[int, int, int, int], crowd: int | None = None) -> Truth:
    boxes = boxes_of(*corners)
    crowds = np.arange(len(classes)) == (-1 if crowd is None else crowd)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    labels = np.full(SIZE, 255, dtype=np.uint8)
    labels[30:, 8:] = 5
    labels[90:] = 8
    return Truth(SIZE, Instances(boxes, np.array(classes), crowds, areas, masks_of(boxes)), labels)


def seen_of(classes: list[int], scores: list[float], *corners: tuple[int, int, int, int]) -> Detections:
    boxes = boxes_of(*corners)  # masks lack three rows of their boxes, so that their scores differ
    return Detections(boxes, np.array(scores, dtype=np.float64), np.array(classes), masks_of(boxes - [0, 0, 0, 3]))


def labels_seen(shift: int) -> np.ndarray:
    labels = np.full(SIZE, 5, dtype=np.uint8)
    labels[90 + shift :] = 8
    return labels


TRUTHS = {
    "a": truth_of([5, 5, 8], (10, 10, 30, 30), (40, 40, 100, 100), (5, 60, 125, 180)),
    "b": truth_of([5, 8, 8], (10, 20, 60, 70), (90, 90, 170, 170), (0, 0, 190, 15), crowd=2),
}
OBJECTS = {
    "a": seen_of(
        [5, 5, 8, 5], [0.9, 0.8, 0.7, 0.1], (11, 10, 31, 30), (40, 46, 100, 106), (0, 60, 80, 170), (0, 0, 9, 9)
    ),
    "b": seen_of(
        [5, 5, 8, 8], [0.95, 0.6, 0.5, 0.3], (10, 20, 60, 69), (92, 90, 170, 170), (9, 0, 99, 15), (90, 112, 170, 170)
    ),
}
"""At score 0.25, four of six boxes are right and four of five true ones found: the bus in ``a`` is met at IoU 0.55
alone, in ``b`` a bus is also taken for a car. One more box lies in the crowd and does not count."""
ON_CLEAN = {
    "a": seen_of([5, 5, 8], [0.9, 0.8, 0.7], (11, 10, 31, 30), (40, 44, 100, 104), (3, 60, 120, 175)),
    "b": seen_of([5, 8], [0.95, 0.3], (10, 20, 60, 70), (90, 90, 170, 172)),
}
"""Objects that the model sees in the clean images, for ``pseudo_gt``."""

PARAMETERS: Mapping[str, Parameters] = {
    "quality": {"metrics": ("psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb", "ms_ssim_y", "fsim", "fsimc")},
    "detection": {"model": "recorded:toy", "classes": SPACE.names, "per_class": True, "sweep": (0.5,)},
    "instances": {"model": "recorded:toy", "classes": SPACE.names},
    "semantic": {"model": "recorded:toy", "classes": SPACE.names},
}


def task_of(name: str) -> Task:
    return TASKS.load(TASKS.named(name))(PARAMETERS[name], Classes(SPACE, SPACE))


def evidence_of(task: Task) -> Mapping[str, Evidence]:
    if task.name == "semantic":
        return {"a": labels_seen(20), "b": labels_seen(-3)}
    if task.name in ("detection", "instances"):
        return OBJECTS
    images = {"a": pixels(40), "b": pixels(9)}
    samples = [Sample(id, image, pixels(0), TRUTHS[id]) for id, image in images.items()]
    return dict(zip(images, task.judge(Options())(list(images.values()), samples), strict=True))


def numbers_of(task: Task) -> dict[str, float]:
    """All numbers that a task gives of the evidence above, by metric."""
    evidence = evidence_of(task)
    summary = task.summarise(evidence, TRUTHS)
    measures: list[Measure] = list(summary.measures)
    if isinstance(task, SelfReference):
        measures += task.summarise_against_clean(evidence, ON_CLEAN, TRUTHS)
    numbers = {measure.metric: measure.value for measure in measures}
    numbers |= {f"{one.metric}({one.image})": one.value for one in summary.per_image}
    return numbers | {f"{one.metric}[{one.label}]": one.value for one in summary.per_class}


RAINS_DRAWN: Mapping[str, Mapping[str, Parameters]] = {
    # Gains of its own: a new calibration of the presets is no change of the renderer.
    "streaks": {
        "day": {"brightness": 0.9, "veil": 0.6},
        "night": {"brightness": 0.9, "veil": 0.6, "light": "night", "gust_probability": 1},
        "linear": {"brightness": 0.9, "veil": 0.6, "space": "linear", "lens_drops": 8, "lens_drop_radius": 0.06},
    },
    "imgaug": {"default": {}},
}
IMGAUG_LIBRARIES = "(imgaug 0.4.0, numpy 2.4.6, opencv 5.0.0)"
"""Its bytes follow from these libraries, too; others prove nothing."""


def rains_of(name: str) -> dict[str, Renderer]:
    return {case: RAINS.load(RAINS.named(name))(changes) for case, changes in RAINS_DRAWN[name].items()}


def digest_of(renderer: Renderer, case: str) -> str:
    rainy = renderer(pixels(40), key=f"golden/{case}", severity=1.5).rainy
    return hashlib.sha256(rainy.tobytes()).hexdigest()[:16]


def golden_of(name: str, version: str) -> dict[str, str]:
    with GOLDEN.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["name"], row["version"]) == (name, version)]
    return {row["number"]: row["value"] for row in rows}


def check(name: str, version: str, found: Mapping[str, float | str]) -> None:
    """Fail where a number is not that of its version, or where the version has none yet."""
    golden = golden_of(name, version)
    moved = [
        f"{key}: {_text(found[key]) if key in found else 'gone'}, was {value}"
        for key, value in golden.items()
        if key not in found or not _equal(found[key], value)
    ]
    assert not moved, f"{name}: numbers moved, but not the version {version!r}: raise the version. {'; '.join(moved)}"
    lines = [f"{name},{version},{key},{_text(value)}" for key, value in found.items() if key not in golden]
    assert not lines, "\n".join([f"{name}: version {version!r} has no golden values; add to {GOLDEN}:", *lines])


def _equal(value: float | str, golden: str) -> bool:
    return value == golden if isinstance(value, str) else abs(value - float(golden)) <= TOLERANCE


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.9f}"


@pytest.mark.parametrize("name", TASKS.targets)
def test_a_tasks_numbers_stay_while_its_version_does(name: str) -> None:
    task = task_of(name)
    check(name, task.version, numbers_of(task))


@pytest.mark.parametrize("name", RAINS.targets)
def test_a_renderers_bytes_stay_while_its_version_does(name: str) -> None:
    try:
        renderers = rains_of(name)
    except UserError as error:  # imgaug is not installed, or lacks a library of the system
        pytest.skip(str(error))
    version, fingerprint = next((one.version, one.fingerprint) for one in renderers.values())
    assert fingerprint.startswith(f"{name} {version} ")
    if name == "imgaug" and IMGAUG_LIBRARIES not in fingerprint:
        pytest.skip(f"recorded with {IMGAUG_LIBRARIES}, here is {fingerprint}")
    check(name, version, {case: digest_of(renderer, case) for case, renderer in renderers.items()})


def test_a_moved_number_asks_for_a_version_and_a_new_version_for_its_numbers() -> None:
    task = task_of("semantic")
    numbers = numbers_of(task)
    with pytest.raises(AssertionError, match=r"raise the version\. mIoU: 0\.5.*, was "):
        check("semantic", task.version, {**numbers, "mIoU": 0.5})
    with pytest.raises(AssertionError, match=r"raise the version\. mIoU: gone, was "):
        check("semantic", task.version, {key: value for key, value in numbers.items() if key != "mIoU"})
    with pytest.raises(AssertionError, match=r"version \'next\' has no golden values(?s:.*)semantic,next,mIoU,"):
        check("semantic", "next", numbers)
