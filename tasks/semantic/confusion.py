"""Count a confusion matrix and compute its scores (Long et al., CVPR 2015, section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.contract import UNLABELLED, FloatArray, IntArray, LabelMap


def confusion_matrix(predicted: LabelMap, truth: LabelMap, class_ids: Sequence[int]) -> IntArray:
    """Count pixels by true and predicted class.

    Args:
        predicted: (H, W) class ids; any other number is a wrong prediction.
        truth: (H, W) class ids; pixels of ``UNLABELLED`` are left out, whatever was predicted there.
        class_ids: The K classes.

    Returns:
        (K, K + 1) int64: rows are true classes, the last column counts predictions that are no class.

    Raises:
        ValueError: Another size, or a true id that is neither a class nor ``UNLABELLED``.
    """
    if predicted.shape != truth.shape:
        raise ValueError(f"label maps differ in size: predicted {predicted.shape}, true {truth.shape}")
    count = len(class_ids)
    index = np.full(256, count, dtype=np.int64)
    index[list(class_ids)] = np.arange(count)
    labelled = truth != UNLABELLED
    rows = index[truth[labelled]]
    if (rows == count).any():
        strange = sorted(set(np.unique(truth).tolist()) - set(class_ids) - {UNLABELLED})
        raise ValueError(f"true labels {strange} are no classes of the dataset")
    columns = index[predicted[labelled]]
    return np.bincount(rows * (count + 1) + columns, minlength=count * (count + 1)).reshape(count, count + 1)


@dataclass(frozen=True)
class Scores:
    """Scores of a confusion matrix, as ratios; NaN where a class has no true pixel.

    Attributes:
        accuracy: (K,) share of each class's true pixels that were found.
        iou: (K,) intersection over union of each class.
        pixel_accuracy: Share of all labelled pixels that are right.
        frequency_weighted_iou: Mean of ``iou`` weighted by true pixels.
    """

    accuracy: FloatArray
    iou: FloatArray
    pixel_accuracy: float
    frequency_weighted_iou: float

    @property
    def present(self) -> int:
        """Number of classes that occur in the truth: those over which the means are taken."""
        return int(np.isfinite(self.accuracy).sum())

    @property
    def mean_accuracy(self) -> float:
        """Mean of ``accuracy`` over the classes that occur in the truth (mPA)."""
        return float(np.nanmean(self.accuracy))

    @property
    def mean_iou(self) -> float:
        """Mean of ``iou`` over the classes that occur in the truth."""
        return float(np.nanmean(self.iou))


def scores_of(matrix: IntArray) -> Scores | None:
    """Read the scores off a confusion matrix.

    Args:
        matrix: (K, K + 1) as :func:`confusion_matrix` gives it, or a sum of such.

    Returns:
        The scores, or None if there is no labelled pixel.
    """
    count = len(matrix)
    right = np.diagonal(matrix).astype(np.float64)
    true = matrix.sum(axis=1).astype(np.float64)
    union = true + matrix[:, :count].sum(axis=0) - right
    total = true.sum()
    if total == 0:
        return None
    present = true > 0
    accuracy, iou = np.full(count, np.nan), np.full(count, np.nan)
    accuracy[present] = right[present] / true[present]
    iou[present] = right[present] / union[present]
    weighted = float((true[present] * iou[present]).sum() / total)
    return Scores(accuracy, iou, float(right.sum() / total), weighted)
