"""The semantic segmentation task: mPA and mIoU from one confusion matrix over the dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.contract import (
    UNLABELLED,
    Classes,
    ClassMeasure,
    ClassSpace,
    Evidence,
    FloatArray,
    ImageMeasure,
    IntArray,
    Measure,
    Options,
    Parameters,
    Summary,
    Truth,
)
from bench.errors import UserError
from bench.io.metrics import measure
from bench.protocols import Judge
from tasks.classes import known_spaces, map_classes
from tasks.models.recorded import scoring_parameters
from tasks.scored_classes import NOT_SCORED, choose_scored
from tasks.semantic.backends.table import BACKENDS
from tasks.semantic.confusion import Scores, confusion_matrix, scores_of
from tasks.semantic.resampling import resampled_scores
from tasks.semantic.segmenter import (
    LoadedSegmenter,
    NetworkSource,
    Normalisation,
    Preparation,
    Relabeller,
    Segmenter,
)
from tasks.semantic.settings import SemanticSettings
from tasks.settings import fingerprint, read_settings, split_model

VERSION = "1"
"""Raised by hand whenever a change of code changes a number of this task; see CONTRIBUTING.md."""


@dataclass(frozen=True)
class SemanticTask:
    """A task on the label maps that one segmenter gives.

    Attributes:
        settings: The task's parameters.
        checkpoint: The network's weights.
        space: The classes of the dataset's label maps; None if it has none.
        scored: Ids of the classes that are scored.
    """

    settings: SemanticSettings
    checkpoint: NetworkSource
    space: ClassSpace | None
    scored: tuple[int, ...]
    name: str = "semantic"
    version: str = VERSION

    @property
    def model(self) -> str:
        """The checkpoint's short name."""
        return self.checkpoint.label

    @property
    def protocol(self) -> str:
        """Scoring rules in one line."""
        return (
            f"one confusion matrix over the dataset, {len(self.scored)} classes, 255 dropped, means over classes "
            "present in the truth (FCN definitions), predictions outside the classes are wrong"
        )

    @property
    def needs(self) -> frozenset[Literal["clean", "boxes", "masks", "label_map"]]:
        """Semantic segmentation is scored against label maps."""
        return frozenset({"label_map"})

    @property
    def fingerprint(self) -> str:
        """Model, weights, input preparation and the dataset's classes."""
        return fingerprint(
            task=self.name,
            backend=split_model(self.settings.model, tuple(BACKENDS), "semantic").backend,
            weights=self.checkpoint.digest,
            settings=self.settings.model_dump(exclude={"model", "classes"}),
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
            UserError: The network cannot be had, or its outputs do not fit the dataset's classes.
        """
        if self.space is None:
            raise UserError("task 'semantic': the dataset has no label maps")
        model = space_of_model(self.settings.outputs, self.checkpoint, self.space)
        loaded = self.checkpoint.load(options)
        if loaded.outputs not in (None, len(model.ids)):
            raise UserError(
                f"task 'semantic': the network has {loaded.outputs} outputs, but outputs = "
                f"{self.settings.outputs!r} has {len(model.ids)} classes; set the parameter 'outputs' to the label "
                "space that the network was trained on"
            )
        mapping = map_classes(model, self.space)
        if isinstance(loaded, LoadedSegmenter):
            return Relabeller(loaded.segment, mapping)
        preparation = Preparation(self._normalisation(), self.settings.multiple_of)
        return Segmenter(loaded.network, preparation, mapping, options.device)

    def _normalisation(self) -> Normalisation:
        usual = self.checkpoint.normalisation
        return Normalisation(self.settings.mean or usual.mean, self.settings.deviation or usual.deviation)

    def summarise(self, evidence: Mapping[str, Evidence], truths: Mapping[str, Truth]) -> Summary:
        """Compute mPA, mIoU, pixel accuracy and frequency-weighted IoU, then every class's IoU."""
        total = np.zeros((len(self.scored), len(self.scored) + 1), dtype=np.int64)
        per_image: list[ImageMeasure] = []
        for id in sorted(evidence):
            matrix = self._matrix(id, evidence[id], truths[id])
            total += matrix
            if (scores := scores_of(matrix)) is not None:
                per_image.append(ImageMeasure(id, "mIoU", 100 * scores.mean_iou))
                per_image.append(ImageMeasure(id, "mPA", 100 * scores.mean_accuracy))
                per_image.append(ImageMeasure(id, "pixel_accuracy", 100 * scores.pixel_accuracy))
        overall = scores_of(total)
        if overall is None or self.space is None:
            return Summary((), tuple(per_image))
        known = dict(zip(self.space.ids, self.space.names, strict=True))
        names = [known[id] for id in self.scored]
        per_class = classes_of(overall, names, total.sum(axis=1).tolist())
        return Summary(tuple(measures_of(overall, names, len(evidence))), tuple(per_image), tuple(per_class))

    def resample(
        self, evidence: Mapping[str, Evidence], truths: Mapping[str, Truth], weights: IntArray
    ) -> Mapping[str, FloatArray]:
        """Compute mPA, mIoU, pixel accuracy and frequency-weighted IoU of every resample, in per cent."""
        matrices = (self._matrix(id, evidence[id], truths[id]) for id in evidence)
        return {name: 100 * values for name, values in resampled_scores(matrices, weights).items()}

    @property
    def counted(self) -> Literal["objects", "pixels"]:
        """Truth is counted in pixels."""
        return "pixels"

    @property
    def scored_names(self) -> Sequence[str]:
        """List the names of the scored classes."""
        return (
            []
            if self.space is None
            else [n for i, n in zip(self.space.ids, self.space.names, strict=True) if i in self.scored]
        )

    def account(self, truth: Truth, /) -> Mapping[tuple[str, str], int]:
        """Count the pixels of one label map by what becomes of them, and by class."""
        if truth.label_map is None or self.space is None:
            return {}
        names = dict(zip(self.space.ids, self.space.names, strict=True))
        found: Counter[tuple[str, str]] = Counter()
        for id, count in enumerate(np.bincount(truth.label_map.ravel(), minlength=UNLABELLED + 1).tolist()):
            if count:
                fate = "not labelled" if id == UNLABELLED else "scored" if id in self.scored else NOT_SCORED
                found[fate, names.get(id, "")] += count
        return found

    def _matrix(self, id: str, seen: Evidence, truth: Truth) -> IntArray:
        if not isinstance(seen, np.ndarray):
            raise TypeError(f"{id}: expected a label map, got {type(seen).__name__}")
        if truth.label_map is None or self.space is None:
            raise UserError(f"{id}: has no label map to score against")
        try:
            matrix = confusion_matrix(seen, truth.label_map, self.space.ids)
        except ValueError as error:
            raise UserError(f"{id}: {error}") from error
        return _restrict(matrix, [self.space.ids.index(id) for id in self.scored])


def build(parameters: Parameters, classes: Classes) -> SemanticTask:
    """Make the semantic segmentation task.

    Raises:
        UserError: A wrong parameter, no such model, or no class in common with the dataset.
    """
    settings = read_settings(SemanticSettings, parameters, "semantic")
    model = split_model(settings.model, tuple(BACKENDS), "semantic")
    checkpoint = BACKENDS[model.backend](model.checkpoint, settings)
    space = None if classes.labels is None else space_of_model(settings.outputs, checkpoint, classes.labels)
    scored = choose_scored(classes.labels, space, settings.classes, "semantic")
    return SemanticTask(settings, checkpoint, classes.labels, scored)


def space_of_model(outputs: str, network: NetworkSource, dataset: ClassSpace) -> ClassSpace:
    """Find the classes of a network's outputs.

    Args:
        outputs: ``auto``, ``dataset`` or the name of a known label space.
        network: The network, which may know its classes.
        dataset: The dataset's classes.

    Raises:
        UserError: No such label space.
    """
    if outputs == "auto" and network.space is not None:
        return network.space
    if outputs in ("auto", "dataset"):
        return ClassSpace("dataset", tuple(range(len(dataset.names))), dataset.names)
    known = known_spaces()
    if outputs not in known:
        raise UserError(
            f"task 'semantic': parameter 'outputs': expected auto, dataset, {', '.join(known)}, got {outputs!r}"
        )
    return known[outputs]


def measures_of(scores: Scores, names: list[str], images: int) -> list[Measure]:
    """List the measures of a dataset, the main ones first."""
    means = {
        "mPA": scores.mean_accuracy,
        "mIoU": scores.mean_iou,
        "pixel_accuracy": scores.pixel_accuracy,
        "fwIoU": scores.frequency_weighted_iou,
    }
    classes = {f"iou[{name}]": float(value) for name, value in zip(names, scores.iou, strict=True)}
    defined = {name: value for name, value in (means | classes).items() if np.isfinite(value)}
    measures = [measure(name, 100 * value, images) for name, value in defined.items()]
    measures.insert(len(means), measure("classes_scored", float(scores.present), images))
    return measures


def classes_of(scores: Scores, names: Sequence[str], pixels: Sequence[int]) -> list[ClassMeasure]:
    """List IoU and accuracy of every class that occurs in the truth; ``pixels`` are its true ones."""
    return [
        ClassMeasure(name, metric, 100 * float(values[index]), "%", count)
        for index, (name, count) in enumerate(zip(names, pixels, strict=True))
        for metric, values in (("iou", scores.iou), ("accuracy", scores.accuracy))
        if count
    ]


def _restrict(matrix: IntArray, scored: list[int]) -> IntArray:
    """Keep the rows of the scored classes; predictions of all others go to the last column."""
    rows = matrix[scored]
    others = rows.sum(axis=1) - rows[:, scored].sum(axis=1)
    return np.concatenate([rows[:, scored], others[:, None]], axis=1)
