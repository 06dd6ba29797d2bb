"""The detection task: precision, recall, IoU and COCO's averages of one detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

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
from tasks.detection.backends import BACKENDS
from tasks.detection.boxes import box_overlaps
from tasks.detection.detector import LEAST_SCORE, MOST_BOXES, DetectionJudge, DetectorSource
from tasks.detection.objects import PSEUDO_TEXT
from tasks.detection.protocols import RULES
from tasks.detection.settings import DetectionSettings
from tasks.detection.summary import Scoring, class_names, resample_objects, summarise_objects
from tasks.recorded import scoring_parameters
from tasks.scored import check_covered, choose_scored
from tasks.settings import fingerprint, read_settings, split_model


@dataclass(frozen=True)
class DetectionTask:
    """What one detector sees.

    Attributes:
        settings: The task's parameters.
        source: The detector.
        space: The dataset's classes of objects; None if it has none.
        scored: Ids of the classes that are scored.
    """

    settings: DetectionSettings
    source: DetectorSource
    space: ClassSpace | None
    scored: tuple[int, ...]
    name: str = "detection"

    @property
    def model(self) -> str:
        """The detector's short name."""
        return self.source.label

    @property
    def protocol(self) -> str:
        """Scoring rules in one line."""
        at = self.settings
        return (
            f"greedy one-to-one per class, score >= {at.score:.2f}, IoU >= {at.overlap:.2f}, crowd ignored, "
            f"pooled over images and {len(self.scored)} classes; iou_gt: best IoU of each true box, 0 if missed; "
            f"AP, AR: pycocotools bbox; dump score >= {LEAST_SCORE}, NMS {self.source.facts['nms_overlap']}, "
            f"{MOST_BOXES} boxes"
            + "".join(f"; {name}: {RULES[name].text}" for name in at.protocols)
            + f"; {PSEUDO_TEXT}"
        )

    @property
    def needs(self) -> frozenset[Literal["clean", "boxes", "masks", "label_map"]]:
        """Detection is scored against boxes."""
        return frozenset({"boxes"})

    @property
    def fingerprint(self) -> str:
        """Model, weights and the parameters of inference."""
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
        """Load the detector.

        Raises:
            UserError: It cannot be had or has no class in common with the dataset.
        """
        if self.space is None:
            raise UserError("task 'detection': the dataset has no labelled objects")
        detector = self.source.load(options, self.space)
        mapping = map_classes(detector.space, self.space)
        check_covered(self.space, self.scored, mapping, self.model)
        return DetectionJudge(detector, mapping)

    def summarise(self, evidence: Mapping[str, Evidence], truths: Mapping[str, Truth]) -> Summary:
        """Precision, recall, IoU over true boxes, COCO's averages and the counts behind them."""
        return summarise_objects(evidence, truths, self._scoring())

    def resample(
        self, evidence: Mapping[str, Evidence], truths: Mapping[str, Truth], weights: IntArray
    ) -> Mapping[str, FloatArray]:
        """Precision, recall, IoU and COCO's averages of every resample."""
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
            kind="bbox",
            overlaps=overlaps_of_boxes,
            class_ids=self.scored,
            score=self.settings.score,
            overlap=self.settings.overlap,
            sweep=self.settings.sweep,
            rules=self.settings.protocols,
            names=class_names(self.space),
            each_class=self.settings.per_class,
        )


def build(parameters: Parameters, classes: Classes) -> DetectionTask:
    """Make the detection task.

    Raises:
        UserError: A wrong parameter, no such model, or no class in common with the dataset.
    """
    settings = read_settings(DetectionSettings, parameters, "detection")
    model = split_model(settings.model, tuple(BACKENDS), "detection")
    source = BACKENDS[model.backend](model.checkpoint, settings)
    scored = choose_scored(classes.instances, source.space, settings.classes, "detection")
    return DetectionTask(settings, source, classes.instances, scored)


def overlaps_of_boxes(seen: Detections, truth: Instances) -> FloatArray:
    """Overlaps of an image's detected with its true boxes."""
    return box_overlaps(seen.boxes, truth.boxes, truth.crowd)
