"""Match detections with true objects: greedy, class-aware, one to one, crowd regions ignored."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bench.contract import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Labelled:
    """One image's objects as matching reads them, N detected and M true ones.

    Attributes:
        overlaps: (N, M) overlap in [0, 1]; for crowd columns, intersection over the detection's area.
        scores: (N,) in [0, 1].
        classes: (N,) class ids of the detections.
        true_classes: (M,) class ids of the true objects.
        crowd: (M,) True for objects that are ignored.
    """

    overlaps: FloatArray
    scores: FloatArray
    classes: IntArray
    true_classes: IntArray
    crowd: BoolArray


@dataclass(frozen=True)
class Matching:
    """Matches of one image's detected and true objects.

    Attributes:
        partner: (N,) index of the true object that a detection found, -1 for none.
        ignored: (N,) True for detections without partner that lie on a crowd region.
        best_overlaps: (M,) best overlap of each true object with any detection of its class, 0 for none.
    """

    partner: IntArray
    ignored: BoolArray
    best_overlaps: FloatArray


@dataclass(frozen=True)
class Tally:
    """Counts of one image, one class or a whole dataset; tallies of parts add up.

    Attributes:
        true_positives: Detections with a partner.
        false_positives: Detections with neither partner nor crowd region.
        truths: True objects that are not ignored.
        best_overlap_sum: Sum over those objects of the best overlap with a detection of their class.
        matched_overlap_sum: Sum over the true positives of the overlap with their partner.
    """

    true_positives: int = 0
    false_positives: int = 0
    truths: int = 0
    best_overlap_sum: float = 0.0
    matched_overlap_sum: float = 0.0

    @property
    def false_negatives(self) -> int:
        """Number of true objects that no detection found."""
        return self.truths - self.true_positives

    @property
    def precision(self) -> float | None:
        """Share of detections that are right; None without detections."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float | None:
        """Share of true objects that were found; None without true objects."""
        return _ratio(self.true_positives, self.truths)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None with neither detections nor true objects."""
        return _ratio(2 * self.true_positives, self.true_positives + self.false_positives + self.truths)

    @property
    def mean_best_overlap(self) -> float | None:
        """IoU_gt: mean of the best overlap over all true objects; None without true objects."""
        return _ratio(self.best_overlap_sum, self.truths)

    @property
    def mean_matched_overlap(self) -> float | None:
        """Mean overlap of the true positives with their partners; None without true positives."""
        return _ratio(self.matched_overlap_sum, self.true_positives)


def match(labelled: Labelled, threshold: float) -> Matching:
    """Match in descending order of score (ties in the given order).

    A detection takes the free true object of its class with the largest overlap, if that is at least the
    threshold. Otherwise it is ignored if a crowd region of its class overlaps it by as much.

    Args:
        labelled: One image.
        threshold: Least overlap of a match, in (0, 1].
    """
    same = labelled.classes[:, None] == labelled.true_classes[None, :]
    overlaps = np.where(same, labelled.overlaps, 0.0)
    countable = ~labelled.crowd
    partner = np.full(len(labelled.scores), -1, dtype=np.int64)
    free = countable.copy()
    for index in np.argsort(-labelled.scores, kind="stable"):
        candidates = np.where(free, overlaps[index], -1.0)
        best = int(candidates.argmax()) if len(candidates) else -1
        if best >= 0 and candidates[best] >= threshold:
            partner[index] = best
            free[best] = False
    on_crowd = (overlaps[:, labelled.crowd] >= threshold).any(axis=1)
    best_overlaps = overlaps.max(axis=0, initial=0.0)
    return Matching(partner, on_crowd & (partner < 0), np.where(countable, best_overlaps, 0.0))


def tally(labelled: Labelled, matching: Matching) -> Tally:
    """Count the matches of one image."""
    found = matching.partner >= 0
    return Tally(
        true_positives=int(found.sum()),
        false_positives=int((~found & ~matching.ignored).sum()),
        truths=int((~labelled.crowd).sum()),
        best_overlap_sum=float(matching.best_overlaps.sum()),
        matched_overlap_sum=float(labelled.overlaps[np.flatnonzero(found), matching.partner[found]].sum()),
    )


def tally_by_class(labelled: Labelled, matching: Matching) -> dict[int, Tally]:
    """Count the matches of one image class by class; classes that do not occur in it are left out."""
    found: dict[int, Tally] = {}
    for class_id in np.union1d(labelled.classes, labelled.true_classes).tolist():
        seen, true = labelled.classes == class_id, (labelled.true_classes == class_id) & ~labelled.crowd
        hits = np.flatnonzero(seen & (matching.partner >= 0))
        found[int(class_id)] = Tally(
            true_positives=len(hits),
            false_positives=int((seen & (matching.partner < 0) & ~matching.ignored).sum()),
            truths=int(true.sum()),
            best_overlap_sum=float(matching.best_overlaps[true].sum()),
            matched_overlap_sum=float(labelled.overlaps[hits, matching.partner[hits]].sum()),
        )
    return found


def add_up(tallies: Iterable[Tally]) -> Tally:
    """Pool tallies (micro average)."""
    parts = list(tallies)
    return Tally(
        true_positives=sum(part.true_positives for part in parts),
        false_positives=sum(part.false_positives for part in parts),
        truths=sum(part.truths for part in parts),
        best_overlap_sum=math.fsum(part.best_overlap_sum for part in parts),
        matched_overlap_sum=math.fsum(part.matched_overlap_sum for part in parts),
    )


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
