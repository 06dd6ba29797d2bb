"""Which objects are scored, and which detections are taken for true ones."""

import numpy as np

from bench.contract import Detections, Instances
from tasks.detection.objects import pseudo_truth, scorable

WIDE_BELOW = [2, 50, 10, 53]
"""Its right end is left of its top: x2 < y1."""
NO_WIDTH, NO_HEIGHT, TURNED = [10, 20, 10, 30], [10, 20, 30, 20], [10, 20, 30, 15]


def test_objects_without_width_or_height_are_counted_and_left_out() -> None:
    boxes = np.array([WIDE_BELOW, NO_WIDTH, NO_HEIGHT, TURNED, WIDE_BELOW], dtype=float)
    truth = Instances(boxes, np.array([1, 1, 1, 1, 2]), np.zeros(5, bool), np.ones(5))
    kept, empty = scorable(truth, (1,))
    assert kept.boxes.tolist() == [WIDE_BELOW]
    assert empty == 3


def test_a_detection_of_a_quarter_is_taken_for_true_and_one_below_is_not() -> None:
    boxes = np.array([[0, 0, 2, 3], [0, 0, 4, 5], [0, 0, 6, 7]], dtype=float)
    seen = Detections(boxes, np.array([0.25, 0.2499, 0.2501]), np.array([1, 1, 2]))
    assert pseudo_truth(seen).areas.tolist() == [6, 42]
    assert pseudo_truth(seen, 0.2501).areas.tolist() == [42]
