"""The instance segmentation task: COCO's averages over masks, and precision, recall and mask IoU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.contract import (
    Classes,
    ClassSpace,
    Detections,
    Evidence,
    FloatArray,
    Instances,
    IntArray,
    Measure,
    Options,
    Parameters,
    Summary,
    Truth,
)
from bench.errors import UserError
from bench.protocols import Judge
from tasks.classes import map_classes
from tasks.detection.against_clean import measure_against_clean, resample_against_clean
from tasks.detection.detector import DetectionJudge, DetectorSource
from tasks.detection.objects import PSEUDO_TEXT
from tasks.detection.summary import Scoring, class_names, resample_objects, summarise_objects
from tasks.instances.backends import BACKENDS
from tasks.instances.settings import InstanceSettings
from tasks.recorded import scoring_parameters
from tasks.rle import mask_overlaps
from tasks.scored import check_covered, choose_scored
from tasks.settings import fingerprint, read_settings, split_model


@dataclass(frozen=True)
class InstanceTask:
    """The objects that one network finds and outlines.

    Attributes:
        settings: The task's parameters.
        source: The network.
        space: The dataset's classes of objects; None if it has none.
        scored: Ids of the classes that are scored.
    """

    settings: InstanceSettings
    source: DetectorSource
    space: ClassSpace | None
    scored: tuple[int, ...]
    name: str = "instances"

    @property
    def model(self) -> str:
        """The network's short name."""
        return self.source.label

    @property
    def protocol(self) -> str:
        """Scoring rules in one line."""
        at = self.settings
        return (
            f"masks at probability 0.5; greedy one-to-one per class, score >= {at.score:.2f}, mask IoU >= "
            f"{at.overlap:.2f}, crowd ignored, pooled over images and {len(self.scored)} classes; iou_gt: best mask "
            f"IoU of each true object, 0 if missed; AP, AR: pycocotools segm; {PSEUDO_TEXT}"
        )

    @property
    def needs(self) -> frozenset[Literal["clean", "boxes", "masks", "label_map"]]:
        """Instance segmentation is scored against masks."""
        return frozenset({"masks"})

    @property
    def fingerprint(self) -> str:
        """Architecture, weights and the dataset's classes."""
        return fingerprint(
            question=self.name,
            **self.source.facts,
            classes=None if self.space is None else (self.space.name, self.space.ids, self.space.names),
        )

    @property
    def scoring(self) -> Parameters:
        """Parameters by which the same is scored without the model."""
        names = {} if self.space is None else dict(zip(self.space.ids, self.space.names, strict=True))
        return scoring_parameters(self.settings, self.model, names, self.scored)

    def judge(self, options: Options) -> Judge:
        """Load the network.

        Raises:
            UserError: It cannot be had or has no class in common with the dataset.
        """
        if self.space is None:
            raise UserError("task 'instances': the dataset has no labelled objects")
        segmenter = self.source.load(options, self.space)
        mapping = map_classes(segmenter.space, self.space)
        check_covered(self.space, self.scored, mapping, self.model)
        return DetectionJudge(segmenter, mapping)

    def summarise(self, evidence: Mapping[str, Evidence], truths: Mapping[str, Truth]) -> Summary:
        """Precision, recall, mask IoU over true objects, COCO's averages and the counts behind them."""
        return summarise_objects(evidence, truths, self._scoring())

    def resample(
        self, evidence: Mapping[str, Evidence], truths: Mapping[str, Truth], weights: IntArray
    ) -> Mapping[str, FloatArray]:
        """Precision, recall, mask IoU and COCO's averages of every resample."""
        return resample_objects(evidence, truths, self._scoring(), weights)

    def summarise_against_clean(
        self, evidence: Mapping[str, Evidence], clean: Mapping[str, Evidence], truths: Mapping[str, Truth]
    ) -> Sequence[Measure]:
        """Main metrics with the model's answers on the clean images taken for the truth."""
        return measure_against_clean(evidence, clean, truths, self._scoring())

    def resample_against_clean(
        self,
        evidence: Mapping[str, Evidence],
        clean: Mapping[str, Evidence],
        truths: Mapping[str, Truth],
        weights: IntArray,
    ) -> Mapping[str, FloatArray]:
        """The same on every resample."""
        return resample_against_clean(evidence, clean, truths, self._scoring(), weights)

    def _scoring(self) -> Scoring:
        return Scoring(
            kind="segm",
            overlaps=overlaps_of_masks,
            class_ids=self.scored,
            score=self.settings.score,
            overlap=self.settings.overlap,
            names=class_names(self.space),
        )


def build(parameters: Parameters, classes: Classes) -> InstanceTask:
    """Make the instance segmentation task.

    Raises:
        UserError: A wrong parameter, no such model, or no class in common with the dataset.
    """
    settings = read_settings(InstanceSettings, parameters, "instances")
    model = split_model(settings.model, tuple(BACKENDS), "instances")
    source = BACKENDS[model.backend](model.checkpoint, settings)
    scored = choose_scored(classes.instances, source.space, settings.classes, "instances")
    return InstanceTask(settings, source, classes.instances, scored)


def overlaps_of_masks(seen: Detections, truth: Instances) -> FloatArray:
    """Overlaps of an image's detected with its true masks."""
    if not len(seen.scores) or not len(truth.class_ids):
        return np.zeros((len(seen.scores), len(truth.class_ids)))  # nothing detected is stored without masks
    if seen.masks is None or truth.masks is None:
        raise ValueError("mask scores need masks on both sides")
    return mask_overlaps(seen.masks, truth.masks, truth.crowd)
