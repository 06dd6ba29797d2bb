"""The matcher against a brute-force one written from the rules, and against fixtures counted by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.detection.boxes import box_overlaps
from tasks.detection.matching import Labelled, Tally, add_up, match, tally, tally_by_class


def labelled(detections: list[tuple], truths: list[tuple]) -> Labelled:
    """Detections are (box, class, score), truths (box, class, crowd)."""
    boxes = np.array([d[0] for d in detections], dtype=float).reshape(-1, 4)
    true_boxes = np.array([t[0] for t in truths], dtype=float).reshape(-1, 4)
    crowd = np.array([t[2] for t in truths], dtype=bool)
    return Labelled(
        box_overlaps(boxes, true_boxes, crowd),
        np.array([d[2] for d in detections], dtype=float),
        np.array([d[1] for d in detections], dtype=np.int64),
        np.array([t[1] for t in truths], dtype=np.int64),
        crowd,
    )


def count(detections: list[tuple], truths: list[tuple], threshold: float = 0.6) -> Tally:
    image = labelled(detections, truths)
    return tally(image, match(image, threshold))


def overlap_by_hand(first: tuple, second: tuple, crowd: bool) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(width, 0) * max(height, 0)
    own = (first[2] - first[0]) * (first[3] - first[1])
    other = (second[2] - second[0]) * (second[3] - second[1])
    return shared / (own if crowd else own + other - shared)


def brute_force(detections: list[tuple], truths: list[tuple], threshold: float) -> tuple[int, int, int, float]:
    """The protocol's sentences one after the other, with plain loops: TP, FP, FN, sum of best IoU."""
    used: set[int] = set()
    true_positives = false_positives = 0
    order = sorted(range(len(detections)), key=lambda index: (-detections[index][2], index))
    for index in order:
        box, kind, _ = detections[index]
        best, chosen = 0.0, None
        for number, (true_box, true_kind, crowd) in enumerate(truths):
            if crowd or true_kind != kind or number in used:
                continue
            overlap = overlap_by_hand(box, true_box, False)
            if overlap > best:
                best, chosen = overlap, number
        if chosen is not None and best >= threshold:
            used.add(chosen)
            true_positives += 1
        elif not any(
            crowd and true_kind == kind and overlap_by_hand(box, true_box, True) >= threshold
            for true_box, true_kind, crowd in truths
        ):
            false_positives += 1
    countable = [truth for truth in truths if not truth[2]]
    bests = [
        max((overlap_by_hand(d[0], true_box, False) for d in detections if d[1] == kind), default=0.0)
        for true_box, kind, _ in countable
    ]
    return true_positives, false_positives, len(countable) - len(used), sum(bests)


# Few distinct corners and scores, so that ties, duplicates and equal boxes are common.
corner = st.integers(0, 6)
box = st.tuples(corner, corner, st.integers(1, 5), st.integers(1, 5)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
detection = st.tuples(box, st.integers(0, 1), st.sampled_from([0.3, 0.5, 0.5, 0.9]))
truth = st.tuples(box, st.integers(0, 1), st.sampled_from([False, False, True]))


@settings(max_examples=600, deadline=None)
@given(st.lists(detection, max_size=8), st.lists(truth, max_size=6), st.sampled_from([0.2, 0.5, 0.6, 1.0]))
def test_equals_brute_force(detections: list[tuple], truths: list[tuple], threshold: float) -> None:
    found = count(detections, truths, threshold)
    true_positives, false_positives, false_negatives, best_sum = brute_force(detections, truths, threshold)
    assert (found.true_positives, found.false_positives, found.false_negatives) == (
        true_positives, false_positives, false_negatives,
    )  # fmt: skip
    assert found.best_overlap_sum == pytest.approx(best_sum, abs=1e-12)


SQUARE = (0, 0, 10, 10)


def test_duplicate_is_a_false_positive_and_the_better_score_wins() -> None:
    image = labelled([((0, 0, 10, 9), 1, 0.5), (SQUARE, 1, 0.4)], [(SQUARE, 1, False)])
    matching = match(image, 0.6)
    assert matching.partner.tolist() == [0, -1]
    assert (tally(image, matching).true_positives, tally(image, matching).false_positives) == (1, 1)
    assert tally(image, matching).best_overlap_sum == 1.0  # by the duplicate, which is exact
    assert tally(image, matching).matched_overlap_sum == pytest.approx(0.9)


def test_wrong_class_is_both_false_positive_and_miss() -> None:
    found = count([(SQUARE, 2, 0.9)], [(SQUARE, 1, False)])
    assert (found.true_positives, found.false_positives, found.false_negatives) == (0, 1, 1)
    assert found.best_overlap_sum == 0


def test_crowd_absorbs_any_number_and_is_never_missed() -> None:
    inside = [((x, 0, x + 2, 10), 1, 0.5) for x in (0, 3, 6)]
    found = count(inside, [((0, 0, 100, 100), 1, True)])
    assert (found.true_positives, found.false_positives, found.false_negatives, found.truths) == (0, 0, 0, 0)
    other_class = count([(SQUARE, 2, 0.5)], [((0, 0, 100, 100), 1, True)])
    assert other_class.false_positives == 1


def test_a_real_object_is_preferred_to_the_crowd_around_it() -> None:
    found = count([(SQUARE, 1, 0.9)], [((0, 0, 100, 100), 1, True), (SQUARE, 1, False)])
    assert (found.true_positives, found.truths) == (1, 1)


def test_the_threshold_itself_matches() -> None:
    # 10x10 against 10x6 inside it: IoU is 0.6 exactly.
    assert count([((0, 0, 10, 6), 1, 0.9)], [(SQUARE, 1, False)], 0.6).true_positives == 1


def test_zero_area_detection_overlaps_nothing() -> None:
    found = count([((5, 5, 5, 9), 1, 0.9)], [(SQUARE, 1, False), (SQUARE, 1, True)])
    assert (found.true_positives, found.false_positives) == (0, 1)


def test_nothing_over_nothing_is_undefined() -> None:
    empty = count([], [])
    assert empty == Tally()
    assert (empty.precision, empty.recall, empty.mean_best_overlap, empty.mean_matched_overlap) == (None,) * 4
    only_truth = count([], [(SQUARE, 1, False)])
    assert (only_truth.precision, only_truth.recall) == (None, 0.0)
    only_detection = count([(SQUARE, 1, 0.9)], [])
    assert (only_detection.precision, only_detection.recall) == (0.0, None)


def test_tallies_add_up() -> None:
    assert add_up([Tally(1, 2, 3, 0.5, 0.9), Tally(4, 5, 6, 1.5, 0.6)]) == Tally(5, 7, 9, 2.0, 1.5)
    assert add_up([]) == Tally()


def test_ratios_of_unequal_counts() -> None:
    counts = Tally(true_positives=3, false_positives=2, truths=7, best_overlap_sum=4.2, matched_overlap_sum=2.4)
    assert counts.false_negatives == 4
    assert counts.precision == pytest.approx(3 / 5)
    assert counts.recall == pytest.approx(3 / 7)
    assert counts.f1 == pytest.approx(2 * (3 / 5) * (3 / 7) / (3 / 5 + 3 / 7))
    assert counts.mean_best_overlap == pytest.approx(4.2 / 7)
    assert counts.mean_matched_overlap == pytest.approx(2.4 / 3)


def test_classes_are_counted_apart() -> None:
    far, near = (0, 0, 10, 10), (40, 0, 60, 20)
    detections = [(far, 1, 0.9), (far, 1, 0.8), (near, 2, 0.7), (near, 1, 0.6), ((80, 80, 90, 90), 3, 0.5)]
    truths = [(far, 1, False), (near, 2, False), (near, 1, True), ((200, 0, 210, 9), 2, False)]
    image = labelled(detections, truths)
    found = tally_by_class(image, match(image, 0.6))
    assert found == {
        1: Tally(true_positives=1, false_positives=1, truths=1, best_overlap_sum=1.0, matched_overlap_sum=1.0),
        2: Tally(true_positives=1, false_positives=0, truths=2, best_overlap_sum=1.0, matched_overlap_sum=1.0),
        3: Tally(true_positives=0, false_positives=1, truths=0),
    }
    assert add_up(found.values()) == tally(image, match(image, 0.6))


def test_a_detection_with_a_partner_is_not_ignored_though_it_lies_on_a_crowd() -> None:
    image = labelled([(SQUARE, 1, 0.9), ((1, 1, 9, 9), 1, 0.8)], [(SQUARE, 1, False), ((0, 0, 100, 100), 1, True)])
    matching = match(image, 0.6)
    assert matching.partner.tolist() == [0, -1]
    assert matching.ignored.tolist() == [False, True]


def test_of_many_equal_scores_the_first_goes_first() -> None:
    shifted = [((0, 0, 10, 10 - n / 10), 1, 0.5) for n in range(39, -1, -1)]
    elsewhere = ((50, 50, 60, 60), 1, 0.9)  # between them, for what sorts in no stable order keeps all-equal scores
    mixed = [detection for one in shifted for detection in (one, elsewhere)]
    image = labelled(mixed, [(SQUARE, 1, False)])
    matching = match(image, 0.6)
    assert matching.partner.tolist() == [0, *[-1] * 79]
    assert tally(image, matching).matched_overlap_sum == pytest.approx(0.61)
