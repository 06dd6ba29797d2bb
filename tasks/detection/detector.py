"""Protocols of a detection backend, and the judge that turns its output into evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bench.contract import ClassSpace, Detections, Image, Options, Sample
from bench.errors import ImageError
from tasks.classes import apply_mapping
from tasks.detection.objects import keep_detections

LEAST_SCORE = 0.001
MOST_BOXES = 300


class Detector(Protocol):
    """A loaded detector; class ids in its answers are those of ``space``."""

    @property
    def space(self) -> ClassSpace: ...  # noqa: D102

    def __call__(self, images: Sequence[Image], /) -> Sequence[Detections]: ...  # noqa: D102


class DetectorSource(Protocol):
    """A detector before it is loaded: cheap to make, and enough for the keys and the tables of a run.

    Attributes:
        label: Short name for tables.
        facts: Everything by which its answers could change: architecture, weights digest, inference settings.
        space: Classes of the detector, or None if they are not known before it is loaded.
    """

    @property
    def label(self) -> str: ...  # noqa: D102
    @property
    def facts(self) -> Mapping[str, object]: ...  # noqa: D102
    @property
    def space(self) -> ClassSpace | None: ...  # noqa: D102

    def load(self, options: Options, dataset: ClassSpace, /) -> Detector:
        """Load the model. Raises UserError when it cannot be had."""
        ...


@dataclass(frozen=True)
class DetectionJudge:
    """A detector whose answers are in the dataset's classes.

    Attributes:
        detector: The model.
        mapping: Model class id to dataset class id; detections of other classes are left out.
        scores_masks: True if masks are scored, so that every true object must have one.
    """

    detector: Detector
    mapping: Mapping[int, int]
    scores_masks: bool = False

    def __call__(self, images: Sequence[Image], samples: Sequence[Sample]) -> Sequence[Detections]:
        """Detect objects in several restored images.

        Raises:
            ImageError: Masks are scored, and an object of an image has none.
        """
        if self.scores_masks:
            for sample in samples:
                check_masked(sample)
        answers = self.detector(images)
        return [tidy(seen, self.mapping, image.shape[:2]) for seen, image in zip(answers, images, strict=True)]


def check_masked(sample: Sample) -> None:
    """Refuse one image whose true masks are not complete: an object without a mask would count as missed.

    Raises:
        ImageError: The first object without a mask, as the label file names it.
    """
    truth = sample.truth.instances
    if truth is not None and truth.unmasked:
        names = list(truth.unmasked.values())
        more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
        raise ImageError(f"{sample.id}: {names[0]}{more} has no mask to score against; boxes are not concerned")
    if truth is not None and truth.masks is None:
        raise ImageError(f"{sample.id}: none of its {len(truth.boxes)} objects has a mask to score against")


def tidy(seen: Detections, mapping: Mapping[int, int], size: tuple[int, ...]) -> Detections:
    """Make raw detections into evidence.

    Boxes are cut to the image. What is not finite, has no area left, scores less than ``LEAST_SCORE`` or
    has no class in the dataset is left out, then all beyond the ``MOST_BOXES`` best.

    Args:
        seen: Raw detections.
        mapping: Model class id to dataset class id.
        size: (height, width) of the image.
    """
    height, width = size
    limits = np.array([width, height, width, height], dtype=np.float64)
    boxes = np.clip(seen.boxes, 0.0, limits)
    class_ids = apply_mapping(seen.class_ids, mapping)
    keep = np.isfinite(seen.boxes).all(axis=1) & (class_ids >= 0) & (seen.scores >= LEAST_SCORE)
    keep &= (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    kept = keep_detections(Detections(boxes, seen.scores, class_ids, seen.masks), keep)
    order = np.argsort(-kept.scores, kind="stable")[:MOST_BOXES]
    masks = None if kept.masks is None else tuple(kept.masks[index] for index in order)
    return Detections(kept.boxes[order], kept.scores[order], kept.class_ids[order], masks)
