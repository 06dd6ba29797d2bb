from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.contract import Detections, Rle, Sample, Truth
from bench.errors import ImageError
from bench.runner.checks import check_evidence

IMAGE = np.zeros((4, 5, 3), np.uint8)
SAMPLE = Sample("x", IMAGE, None, Truth((4, 5)))
GOOD = Detections(np.zeros((2, 4)), np.array([0.9, 0.1]), np.array([1, 2]))
MASK = Rle(size=[4, 5], counts="P1")


@pytest.mark.parametrize(
    "evidence",
    [GOOD, replace(GOOD, masks=(MASK, MASK)), np.zeros((4, 5), np.uint8), {"psnr_y": 30.0}, {"psnr_y": float("nan")}],
)
def test_evidence_of_the_three_kinds_passes(evidence: object) -> None:
    check_evidence("task", SAMPLE, evidence)


WRONG: list[tuple[object, str]] = [
    (np.zeros((5, 4), np.uint8), r"expected a label map \(4, 5\) uint8 for x, got \(5, 4\) uint8"),
    (np.zeros((4, 5)), "got .* float64"),
    (None, "expected detections, a label map or qualities for x, got NoneType"),
    ([GOOD], "got list"),
    (replace(GOOD, scores=np.array([0.9])), r"got \(2, 4\), \(1,\), \(2,\) and no masks"),
    (replace(GOOD, boxes=np.zeros((2, 5))), r"got \(2, 5\)"),
    (replace(GOOD, masks=(MASK,)), "1 masks"),
    (replace(GOOD, masks=()), "0 masks"),
    (replace(GOOD, scores=np.array([np.nan, 0.1])), "a box or a score of x is NaN or infinite"),
    (replace(GOOD, boxes=np.full((2, 4), np.inf)), "NaN or infinite"),
]


@pytest.mark.parametrize(("evidence", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_no_task_can_score_is_refused(evidence: object, message: str) -> None:
    with pytest.raises(ImageError, match=f"^seeing: .*{message}"):
        check_evidence("seeing", SAMPLE, evidence)


def test_no_detections_at_all_are_evidence() -> None:
    check_evidence("task", SAMPLE, Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64)))
    check_evidence("task", SAMPLE, Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64), ()))
