"""Measure the time that intervals take: AP and mIoU of many rows on many resamples, as a run computes them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from time import perf_counter, process_time

import numpy as np
import pandas as pd

from bench.contract import FloatArray, IntArray, Truth
from bench.perf.drawn_evidence import draw_label_maps, draw_objects
from bench.scoring.statistics import draw_weights
from tasks.detection.summary import Scoring, resample_objects
from tasks.detection.task import overlaps_of_boxes
from tasks.semantic.confusion import confusion_matrix
from tasks.semantic.resampling import resampled_scores

CLASSES, DETECTIONS, OBJECTS = 80, 140, 7
"""Of COCO; detections and true objects an image as a YOLOv8n leaves them of COCO photographs in the rain."""
LABELS, HEIGHT, WIDTH = 19, 360, 480
"""Classes and size of label maps, as of street frames."""
_MAPS = 8
"""Different pairs of label maps; images take them in turns."""


@dataclass(frozen=True)
class ResamplingSpeed:
    """Time of resampling some metrics of a whole table.

    Attributes:
        what: Names of the metrics.
        images: Images of every row.
        rows: Rows of the table.
        resamples: Number of resamples, the same for all rows (paired).
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
    """Time resampling AP and mIoU of a table's rows; return a line for each metric, then one for both together.

    The evidence is drawn at random, as much of it as real models leave.
    """
    weights = draw_weights(images, resamples, "drawn")
    spent = {
        "AP": sum((_time_ap(row, images, weights) for row in range(rows)), np.zeros(2)),
        "mIoU": sum((_time_miou(row, images, weights) for row in range(rows)), np.zeros(2)),
    }
    spent["AP and mIoU"] = spent["AP"] + spent["mIoU"]
    lines = [ResamplingSpeed(what, images, rows, resamples, *seconds.tolist()) for what, seconds in spent.items()]
    return pd.DataFrame([asdict(line) for line in lines])


def _time_ap(seed: int, images: int, weights: IntArray) -> FloatArray:
    """Resample AP of one row; return seconds on the wall and of the processor."""
    rng = np.random.default_rng(seed)
    content = {f"{image:05}": draw_objects(rng, range(CLASSES), OBJECTS, DETECTIONS) for image in range(images)}
    truths = {image: Truth((480, 640), objects) for image, (objects, _) in content.items()}
    evidence = {image: detections for image, (_, detections) in content.items()}
    rules = Scoring("bbox", overlaps_of_boxes, tuple(range(CLASSES)), 0.25, 0.6)
    started = _clocks()
    resample_objects(evidence, truths, rules, weights)
    return _clocks() - started


def _time_miou(seed: int, images: int, weights: IntArray) -> FloatArray:
    """Resample mIoU of one row; return seconds on the wall and of the processor."""
    rng = np.random.default_rng(seed)
    maps = [draw_label_maps(rng, LABELS, HEIGHT, WIDTH) for _ in range(_MAPS)]
    started = _clocks()
    matrices = [confusion_matrix(*maps[image % _MAPS], tuple(range(LABELS))) for image in range(images)]
    resampled_scores(matrices, weights)
    return _clocks() - started


def _clocks() -> FloatArray:
    return np.array([perf_counter(), process_time()])
