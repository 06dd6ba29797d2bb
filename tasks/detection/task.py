"""The detection task: precision, recall, IoU and COCO's averages of one detector."""

from __future__ import annotations

from bench.contract import Classes, Detections, FloatArray, Instances, Parameters
from tasks.detection.backends.table import BACKENDS
from tasks.detection.boxes import box_overlaps
from tasks.detection.counting_rules import RULES
from tasks.detection.detector import LEAST_SCORE, MOST_BOXES
from tasks.detection.object_task import ObjectTask
from tasks.detection.objects import PSEUDO_TEXT
from tasks.detection.settings import DetectionSettings
from tasks.detection.summary import Scoring, class_names
from tasks.scored_classes import choose_scored
from tasks.settings import read_settings, split_model

VERSION = "1"
"""Raised by hand whenever a change of code changes a number of this task; see CONTRIBUTING.md."""


def build(parameters: Parameters, classes: Classes) -> ObjectTask:
    """Make the detection task.

    Raises:
        UserError: A wrong parameter, no such model, or no class in common with the dataset.
    """
    settings = read_settings(DetectionSettings, parameters, "detection")
    model = split_model(settings.model, tuple(BACKENDS), "detection")
    source = BACKENDS[model.backend](model.checkpoint, settings)
    rules = Scoring(
        kind="bbox",
        overlaps=overlaps_of_boxes,
        class_ids=choose_scored(classes.instances, source.space, settings.classes, "detection"),
        score=settings.score,
        overlap=settings.overlap,
        sweep=settings.sweep,
        rules=settings.protocols,
        names=class_names(classes.instances),
        each_class=settings.per_class,
    )
    protocol = (
        f"greedy one-to-one per class, score >= {settings.score:.2f}, IoU >= {settings.overlap:.2f}, crowd ignored, "
        f"pooled over images and {len(rules.class_ids)} classes; iou_gt: best IoU of each true box, 0 if missed; "
        f"AP, AR: pycocotools bbox; dump score >= {LEAST_SCORE}, NMS {source.facts['nms_overlap']}, "
        f"{MOST_BOXES} boxes"
        + "".join(f"; {name}: {RULES[name].text}" for name in settings.protocols)
        + f"; {PSEUDO_TEXT}"
    )
    return ObjectTask("detection", VERSION, settings, source, classes.instances, rules, protocol)


def overlaps_of_boxes(seen: Detections, truth: Instances) -> FloatArray:
    """Compute the overlaps of an image's detected with its true boxes."""
    return box_overlaps(seen.boxes, truth.boxes, truth.crowd)
