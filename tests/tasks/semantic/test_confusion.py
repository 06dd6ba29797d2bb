"""Confusion matrix and scores against scikit-learn, torchmetrics' definitions and hand-counted cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.semantic.confusion import confusion_matrix, scores_of
from tasks.semantic.task import classes_of

IDS = (0, 2, 5, 7)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9))
def test_matrix_and_iou_equal_scikit_learn(seed: int, height: int, width: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    truth = rng.choice([*IDS, 255], (height, width)).astype(np.uint8)
    predicted = rng.choice([*IDS, 1, 255], (height, width)).astype(np.uint8)
    matrix = confusion_matrix(predicted, truth, IDS)
    labelled = truth != 255
    if not labelled.any():
        assert matrix.sum() == 0
        return
    other = np.where(np.isin(predicted, IDS), predicted, 254)
    expected = metrics.confusion_matrix(truth[labelled], other[labelled], labels=[*IDS, 254])
    np.testing.assert_array_equal(matrix, expected[: len(IDS)])
    present = [id for id in IDS if (truth == id).any()]
    scores = scores_of(matrix)
    assert scores is not None
    arguments = {"labels": present, "average": None, "zero_division": 0}
    iou = metrics.jaccard_score(truth[labelled], other[labelled], **arguments)
    recall = metrics.recall_score(truth[labelled], other[labelled], **arguments)
    assert scores.mean_iou == pytest.approx(iou.mean(), abs=1e-12)
    assert scores.mean_accuracy == pytest.approx(recall.mean(), abs=1e-12)
    assert scores.pixel_accuracy == pytest.approx(metrics.accuracy_score(truth[labelled], other[labelled]), abs=1e-12)
    assert scores.present == len(present)
    assert scores.mean_iou <= scores.mean_accuracy + 1e-12


def test_counted_by_hand() -> None:
    truth = np.array([[0, 0, 0, 0], [2, 2, 255, 255]], dtype=np.uint8)
    predicted = np.array([[0, 0, 2, 9], [2, 255, 0, 2]], dtype=np.uint8)
    matrix = confusion_matrix(predicted, truth, (0, 2, 5))
    assert matrix.tolist() == [[2, 1, 0, 1], [0, 1, 0, 1], [0, 0, 0, 0]]
    scores = scores_of(matrix)
    assert scores is not None
    # Class 0: 2 of 4 found, union 4. Class 2: 1 of 2 found, union 3. Class 5 is absent and plays no part.
    assert scores.accuracy[:2].tolist() == [0.5, 0.5]
    assert scores.iou[:2].tolist() == [0.5, 1 / 3]
    assert np.isnan(scores.iou[2])
    assert (scores.mean_accuracy, scores.mean_iou) == (0.5, pytest.approx(5 / 12))
    assert scores.pixel_accuracy == 0.5
    assert scores.frequency_weighted_iou == pytest.approx((4 * 0.5 + 2 / 3) / 6)
    assert scores.present == 2


def test_prediction_of_an_absent_class_hurts_the_others_only() -> None:
    truth = np.zeros((1, 4), dtype=np.uint8)
    predicted = np.array([[0, 0, 0, 2]], dtype=np.uint8)
    scores = scores_of(confusion_matrix(predicted, truth, (0, 2)))
    assert scores is not None
    assert (scores.mean_iou, scores.present) == (0.75, 1)


def test_no_labelled_pixel_has_no_scores() -> None:
    truth = np.full((3, 3), 255, dtype=np.uint8)
    assert scores_of(confusion_matrix(np.zeros_like(truth), truth, IDS)) is None


def test_counts_do_not_overflow() -> None:
    truth = np.zeros((1000, 1000), dtype=np.uint8)
    matrix = sum(confusion_matrix(truth, truth, IDS) * 10_000 for _ in range(1))
    assert matrix[0, 0] == 10_000_000_000


def test_another_size_and_unknown_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in size"):
        confusion_matrix(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8), IDS)
    with pytest.raises(ValueError, match=r"\[3\] are no classes"):
        confusion_matrix(np.zeros((1, 2), np.uint8), np.array([[0, 3]], np.uint8), IDS)


def test_classes_are_told_with_their_true_pixels() -> None:
    matrix = np.array([[3, 1, 0], [0, 2, 2], [0, 0, 0]])[:, [0, 1, 2]]
    matrix = np.concatenate([matrix, np.zeros((3, 1), dtype=np.int64)], axis=1)
    scores = scores_of(matrix)
    assert scores is not None
    found = {(row.label, row.metric): (row.value, row.support) for row in classes_of(scores, list("abc"), [4, 4, 0])}
    assert found == {
        ("a", "iou"): (75.0, 4),
        ("a", "accuracy"): (75.0, 4),
        ("b", "iou"): (40.0, 4),
        ("b", "accuracy"): (50.0, 4),
    }, "what does not occur has no row"
