"""The common part of the two tasks on objects: detection and instance segmentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from bench.contract import (
    ClassSpace,
    Detections,
    Evidence,
    FloatArray,
    Instances,
    IntArray,
    MatchedObjects,
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
from tasks.detection.matching import match
from tasks.detection.objects import keep_detections, scorable
from tasks.detection.summary import Scoring, fates_of, label, resample_objects, summarise_objects
from tasks.models.recorded import scoring_parameters
from tasks.scored_classes import check_covered
from tasks.settings import Settings, fingerprint


@dataclass(frozen=True)
class ObjectTask:
    """A task on the objects that one network finds.

    Attributes:
        name: ``detection`` or ``instances``.
        version: Raised by hand whenever a number changes.
        settings: The task's parameters.
        source: The network.
        space: The dataset's classes of objects; None if it has none.
        rules: Rules by which boxes or masks are scored.
        protocol: Scoring rules in one line.
    """

    name: str
    version: str
    settings: Settings
    source: DetectorSource
    space: ClassSpace | None
    rules: Scoring = field(hash=False)  # holds a dictionary; equality compares it
    protocol: str

    @property
    def model(self) -> str:
        """The network's short name."""
        return self.source.label

    @property
    def scored(self) -> tuple[int, ...]:
        """Ids of the classes that are scored."""
        return self.rules.class_ids

    @property
    def score(self) -> float:
        """Give the least score of a detection in precision, recall and IoU."""
        return self.rules.score

    @property
    def overlap(self) -> float:
        """Give the least overlap of a match."""
        return self.rules.overlap

    @property
    def needs(self) -> frozenset[Literal["clean", "boxes", "masks", "label_map"]]:
        """Boxes are scored against boxes, masks against masks."""
        return frozenset({"boxes" if self.rules.kind == "bbox" else "masks"})

    @property
    def fingerprint(self) -> str:
        """Model, weights, parameters of inference and the dataset's classes."""
        return fingerprint(
            question=self.name,
            **self.source.facts,
            classes=None if self.space is None else (self.space.name, self.space.ids, self.space.names),
        )

    @property
    def scoring(self) -> Parameters:
        """Parameters with which stored evidence is scored without the model."""
        names = {} if self.space is None else dict(zip(self.space.ids, self.space.names, strict=True))
        return scoring_parameters(self.settings, self.model, names, self.scored)

    def judge(self, options: Options) -> Judge:
        """Load the network.

        Raises:
            UserError: The network cannot be had or has no class in common with the dataset.
        """
        if self.space is None:
            raise UserError(f"task {self.name!r}: the dataset has no labelled objects")
        detector = self.source.load(options, self.space)
        mapping = map_classes(detector.space, self.space)
        check_covered(self.space, self.scored, mapping, self.model)
        return DetectionJudge(detector, mapping, scores_masks=self.rules.kind == "segm")

    def summarise(self, evidence: Mapping[str, Evidence], truths: Mapping[str, Truth]) -> Summary:
        """Compute precision, recall, IoU over true objects, COCO's averages and the counts behind them."""
        return summarise_objects(evidence, truths, self.rules)

    @property
    def counted(self) -> Literal["objects", "pixels"]:
        """Truth is counted in objects."""
        return "objects"

    @property
    def scored_names(self) -> Sequence[str]:
        """List the names of the scored classes."""
        return [self.rules.names[id] for id in self.scored]

    def account(self, truth: Truth, /) -> Mapping[tuple[str, str], int]:
        """Count the true objects of one image by what becomes of them, and by class."""
        if truth.instances is None:
            return {}
        return fates_of(truth.instances, self.rules)

    def matched(self, evidence: Detections, truth: Instances) -> MatchedObjects:
        """Match the detections of one image with its true objects as :meth:`summarise` does, at every score."""
        known = keep_detections(evidence, np.isin(evidence.class_ids, self.scored))
        objects, _ = scorable(truth, self.scored)
        matching = match(label(known, objects, self.rules.overlaps), self.overlap)
        return MatchedObjects(known, matching.partner >= 0, matching.ignored, objects)

    def resample(
        self, evidence: Mapping[str, Evidence], truths: Mapping[str, Truth], weights: IntArray
    ) -> Mapping[str, FloatArray]:
        """Compute precision, recall, IoU and COCO's averages of every resample."""
        return resample_objects(evidence, truths, self.rules, weights)

    def summarise_against_clean(
        self, evidence: Mapping[str, Evidence], clean: Mapping[str, Evidence], truths: Mapping[str, Truth]
    ) -> Sequence[Measure]:
        """Compute the main metrics with the model's answers on the clean images taken for the truth."""
        return measure_against_clean(evidence, clean, truths, self.rules)

    def resample_against_clean(
        self,
        evidence: Mapping[str, Evidence],
        clean: Mapping[str, Evidence],
        truths: Mapping[str, Truth],
        weights: IntArray,
    ) -> Mapping[str, FloatArray]:
        """Compute the main metrics against the model's answers on the clean images, on every resample."""
        return resample_against_clean(evidence, clean, truths, self.rules, weights)
