"""How long intervals take: AP and mIoU of many rows on many resamples, as a run computes them. Knows the tasks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from time import perf_counter, process_time

import numpy as np
import pandas as pd

from bench.contract import Detections, Evidence, Instances, LabelMap, Truth
from bench.scoring.statistics import draw_weights
from tasks.detection.summary import Scoring, resample_objects
from tasks.detection.task import overlaps_of_boxes
from tasks.semantic.confusion import confusion_matrix
from tasks.semantic.resampling import resampled_scores

CLASSES, DETECTIONS, OBJECTS = 80, 140, 7
"""Of COCO; detections and true objects an image as a YOLOv8n leaves them of COCO photographs in the rain."""
LABELS, HEIGHT, WIDTH = 19, 360, 480
"""Classes and size of label maps, as of street frames."""


@dataclass(frozen=True)
class Resampled:
    """One line of the figures.

    Attributes:
        what: Which metrics.
        images: Of every row.
        rows: Of the table.
        resamples: Paired: the same for all rows.
        seconds: On the clock, from evidence in memory to values; matching and confusion matrices are in it.
        cpu_seconds: Of this process, which others on the machine do not lengthen.
    """

    what: str
    images: int
    rows: int
    resamples: int
    seconds: float
    cpu_seconds: float


def resampling_speeds(images: int = 350, rows: int = 8, resamples: int = 1000) -> pd.DataFrame:
    """Resample AP and mIoU of a table's rows; one line each, then both together.

    The evidence is drawn at random, as much of it as real models leave.
    """
    weights = draw_weights(images, resamples, "drawn")
    rules = Scoring("bbox", overlaps_of_boxes, tuple(range(CLASSES)), 0.25, 0.6)
    spent = {"AP": np.zeros(2), "mIoU": np.zeros(2)}
    for row in range(rows):
        rng = np.random.default_rng(row)
        evidence, truths = _objects(rng, images)
        started = _clocks()
        resample_objects(evidence, truths, rules, weights)
        spent["AP"] += _clocks() - started
        maps = _label_maps(rng)
        started = _clocks()
        matrices = [confusion_matrix(*maps[image % len(maps)], tuple(range(LABELS))) for image in range(images)]
        resampled_scores(matrices, weights)
        spent["mIoU"] += _clocks() - started
    spent["AP and mIoU"] = spent["AP"] + spent["mIoU"]
    lines = [Resampled(what, images, rows, resamples, *found.tolist()) for what, found in spent.items()]
    return pd.DataFrame([asdict(line) for line in lines])


def _clocks() -> np.ndarray:
    return np.array([perf_counter(), process_time()])


def _objects(rng: np.random.Generator, images: int) -> tuple[dict[str, Evidence], dict[str, Truth]]:
    """Every other detection is near a true object; scores fall off as those of real detectors."""
    evidence: dict[str, Evidence] = {}
    truths: dict[str, Truth] = {}
    for image in range(images):
        corner, side = rng.uniform(0, 400, (OBJECTS, 2)), rng.uniform(10, 120, (OBJECTS, 2))
        boxes, classes = np.concatenate([corner, corner + side], axis=1), rng.integers(0, CLASSES, OBJECTS)
        none = np.zeros(OBJECTS, dtype=np.bool_)
        truths[f"{image:05}"] = Truth((480, 640), Instances(boxes, classes, none, side.prod(axis=1)))
        near = rng.integers(0, OBJECTS, DETECTIONS)
        moved = boxes[near] + rng.normal(0, np.where(np.arange(DETECTIONS) % 2, 4, 60)[:, None], (DETECTIONS, 4))
        moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 1)
        kinds = np.where(np.arange(DETECTIONS) % 2, classes[near], rng.integers(0, CLASSES, DETECTIONS))
        evidence[f"{image:05}"] = Detections(moved, np.sort(rng.beta(0.3, 3, DETECTIONS))[::-1].copy(), kinds)
    return evidence, truths


def _label_maps(rng: np.random.Generator, different: int = 8) -> list[tuple[LabelMap, LabelMap]]:
    """Predicted and true label maps in stripes, nine tenths of whose pixels agree."""
    maps: list[tuple[LabelMap, LabelMap]] = []
    for _ in range(different):
        true = np.repeat(rng.integers(0, LABELS, (HEIGHT, WIDTH // 16), dtype=np.uint8), 16, axis=1)
        maps.append((np.where(rng.random(true.shape) < 0.9, true, 0).astype(np.uint8), true))
    return maps
