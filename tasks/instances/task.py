"""The instance segmentation task: COCO's averages over masks, and precision, recall and mask IoU."""

from __future__ import annotations

import numpy as np

from bench.contract import Classes, Detections, FloatArray, Instances, Parameters
from tasks.detection.masks import mask_overlaps
from tasks.detection.object_task import ObjectTask
from tasks.detection.objects import PSEUDO_TEXT
from tasks.detection.summary import Scoring, class_names
from tasks.instances.backends.table import BACKENDS
from tasks.instances.settings import InstanceSettings
from tasks.scored_classes import choose_scored
from tasks.settings import read_settings, split_model

VERSION = "1"
"""Raised by hand whenever a change of code changes a number of this task; see CONTRIBUTING.md."""


def build(parameters: Parameters, classes: Classes) -> ObjectTask:
    """Make the instance segmentation task.

    Raises:
        UserError: A wrong parameter, no such model, or no class in common with the dataset.
    """
    settings = read_settings(InstanceSettings, parameters, "instances")
    model = split_model(settings.model, tuple(BACKENDS), "instances")
    source = BACKENDS[model.backend](model.checkpoint, settings)
    rules = Scoring(
        kind="segm",
        overlaps=overlaps_of_masks,
        class_ids=choose_scored(classes.instances, source.space, settings.classes, "instances"),
        score=settings.score,
        overlap=settings.overlap,
        names=class_names(classes.instances),
    )
    protocol = (
        f"masks at probability 0.5; greedy one-to-one per class, score >= {settings.score:.2f}, mask IoU >= "
        f"{settings.overlap:.2f}, crowd ignored, pooled over images and {len(rules.class_ids)} classes; iou_gt: best "
        f"mask IoU of each true object, 0 if missed; AP, AR: pycocotools segm; {PSEUDO_TEXT}"
    )
    return ObjectTask("instances", VERSION, settings, source, classes.instances, rules, protocol)


def overlaps_of_masks(seen: Detections, truth: Instances) -> FloatArray:
    """Compute the overlaps of an image's detected with its true masks."""
    if not len(seen.scores) or not len(truth.class_ids):
        return np.zeros((len(seen.scores), len(truth.class_ids)))  # nothing detected is stored without masks
    if seen.masks is None or truth.masks is None:
        raise ValueError("mask scores need masks on both sides")
    return mask_overlaps(seen.masks, truth.masks, truth.crowd)
