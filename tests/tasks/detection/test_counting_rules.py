"""The other ways to count against plain loops written from their descriptions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.contract import Detections, Instances, Truth
from tasks.detection.against_clean import measure_against_clean
from tasks.detection.boxes import box_areas, box_overlaps
from tasks.detection.counting_rules import RULES, darknet_map, darknet_recall, literal_conf
from tasks.detection.matching import Tally
from tasks.detection.objects import pseudo_truth
from tasks.detection.summary import Scoring, summarise_objects
from tasks.detection.suppression import suppress

corner = st.integers(0, 12)
box = st.tuples(corner, corner, st.integers(1, 9), st.integers(1, 9)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
detection = st.tuples(box, st.integers(0, 1), st.sampled_from([0.0005, 0.001, 0.1, 0.25, 0.3, 0.5, 0.6, 0.9]))
truth = st.tuples(box, st.integers(0, 1))


def arrays(detections: list[tuple], truths: list[tuple]) -> tuple[Detections, Instances]:
    boxes = np.array([d[0] for d in detections], dtype=float).reshape(-1, 4)
    true = np.array([t[0] for t in truths], dtype=float).reshape(-1, 4)
    ids, true_ids = (np.array([row[1] for row in rows], dtype=np.int64) for rows in (detections, truths))
    seen = Detections(boxes, np.array([d[2] for d in detections], dtype=float), ids)
    return seen, Instances(true, true_ids, np.zeros(len(true), bool), box_areas(true))


def iou(a: tuple, b: tuple) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def survivors(rows: list[tuple], overlap: float, across_classes: bool) -> list[tuple]:
    kept: list[tuple] = []
    for row in sorted(rows, key=lambda row: -row[2]):
        if all(iou(row[0], k[0]) <= overlap or (row[1] != k[1] and not across_classes) for k in kept):
            kept.append(row)
    return kept


@settings(max_examples=300, deadline=None)
@given(st.lists(detection, max_size=9), st.lists(truth, max_size=6))
def test_darknet_recall_equals_its_description(detections: list[tuple], truths: list[tuple]) -> None:
    proposals = survivors([row for row in detections if row[2] > 0.001], 0.4, across_classes=True)
    best = [max((iou(row[0], true) for row in proposals), default=0.0) for true, _ in truths]
    found = darknet_recall(*arrays(detections, truths))
    assert found.true_positives == sum(value > 0.6 for value in best)
    assert found.true_positives + found.false_positives == len(proposals)
    assert found.best_overlap_sum == pytest.approx(sum(best))
    assert found.truths == len(truths)


@settings(max_examples=300, deadline=None)
@given(st.lists(detection, max_size=9), st.lists(truth, max_size=6))
def test_darknet_map_equals_its_description(detections: list[tuple], truths: list[tuple]) -> None:
    rows = survivors([row for row in detections if row[2] > 0.25], 0.45, across_classes=False)
    free, hits, overlap_sum = set(range(len(truths))), 0, 0.0
    for row in rows:
        choices = [(iou(row[0], truths[n][0]), -n) for n in free if truths[n][1] == row[1]]
        if choices and max(choices)[0] > 0.5:
            free.discard(-max(choices)[1])
            hits, overlap_sum = hits + 1, overlap_sum + max(choices)[0]
    found = darknet_map(*arrays(detections, truths))
    assert (found.true_positives, found.false_positives) == (hits, len(rows) - hits)
    assert found.matched_overlap_sum == pytest.approx(overlap_sum)
    iou_of_tool = RULES["darknet_map"].iou(found)
    assert iou_of_tool == (pytest.approx(overlap_sum / len(rows)) if rows else None)


def test_one_box_may_serve_two_truths_in_darknet_recall() -> None:
    seen, instances = arrays([((0, 0, 10, 10), 0, 0.9)], [((0, 0, 10, 9), 0), ((0, 0, 10, 8), 1)])
    found = darknet_recall(seen, instances)
    assert (found.recall, found.precision) == (1.0, 2.0)  # so the tool's precision can exceed one
    assert darknet_map(seen, instances).true_positives == 1


def test_literal_conf_reads_the_threshold_as_score() -> None:
    rows = [((0, 0, 10, 10), 0, 0.6), ((20, 0, 30, 10), 0, 0.59)]
    found = literal_conf(*arrays(rows, [((0, 0, 10, 5), 0), ((20, 0, 30, 10), 0)]))
    assert found == Tally(1, 0, 2, 0.5, 0.5)


def beside(overlap: float) -> tuple:
    """A box that overlaps (0, 0, 10, 10) by this much: their common part is ``10 x`` of ``200 - 10 x``."""
    shared = 20 * overlap / (1 + overlap)
    return (10 - shared, 0, 20 - shared, 10)


SQUARE = (0, 0, 10, 10)


def test_thresholds_of_the_tools_are_those_of_their_descriptions_and_exclusive() -> None:
    def boxes_left(rule, *rows: tuple) -> int:
        found = rule(*arrays(list(rows), []))
        return found.true_positives + found.false_positives

    assert [boxes_left(darknet_recall, (SQUARE, 0, score)) for score in (0.001, 0.00101)] == [0, 1]
    assert [boxes_left(darknet_map, (SQUARE, 0, score)) for score in (0.25, 0.2501)] == [0, 1]
    worse = [((0, 0, 10, 4), 0, 0.8), (beside(0.401), 0, 0.8)]  # IoU 0.4 exactly stays
    assert [boxes_left(darknet_recall, (SQUARE, 0, 0.9), row) for row in worse] == [2, 1]
    worse = [((0, 0, 10, 4.5), 0, 0.8), (beside(0.451), 0, 0.8)]
    assert [boxes_left(darknet_map, (SQUARE, 0, 0.9), row) for row in worse] == [2, 1]


def test_overlaps_of_the_tools_have_to_be_larger_than_their_thresholds() -> None:
    def hits(rule, true: tuple) -> int:
        return rule(*arrays([(SQUARE, 0, 0.9)], [(true, 0)])).true_positives

    assert [hits(darknet_recall, true) for true in ((0, 0, 10, 6), beside(0.601))] == [0, 1]
    assert [hits(darknet_map, true) for true in ((0, 0, 10, 5), beside(0.501))] == [0, 1]
    assert [hits(literal_conf, true) for true in ((0, 0, 10, 5), beside(0.499))] == [1, 0]


def test_suppression_keeps_the_best_and_is_not_transitive() -> None:
    boxes = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], dtype=float)
    scores, alike = np.array([0.9, 0.8, 0.7]), np.zeros(3, np.int64)
    assert suppress(boxes, scores, alike, 0.4).tolist() == [True, False, True]
    assert suppress(boxes, scores, np.arange(3), 0.4).tolist() == [True, True, True]


def test_suppression_equals_torchvision() -> None:
    ops = pytest.importorskip("torchvision.ops")
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(8)
    for _ in range(100):
        low = rng.uniform(0, 30, (40, 2))
        boxes = np.concatenate([low, low + rng.uniform(2, 20, (40, 2))], axis=1)
        scores, groups = rng.random(40), rng.integers(0, 3, 40)
        kept = ops.batched_nms(torch.from_numpy(boxes), torch.from_numpy(scores), torch.from_numpy(groups), 0.45)
        assert set(np.flatnonzero(suppress(boxes, scores, groups, 0.45))) == set(kept.tolist())


SCORING = Scoring(
    kind="bbox",
    overlaps=lambda seen, true: box_overlaps(seen.boxes, true.boxes, true.crowd),
    class_ids=(0, 1),
    score=0.25,
    overlap=0.6,
    sweep=(0.1, 0.125, 0.25, 0.5),
    rules=tuple(RULES),
    names={0: "car", 1: "bus"},
    each_class=True,
)


def test_summary_names_protocols_sweep_and_classes() -> None:
    seen, instances = arrays(
        [((0, 0, 10, 10), 0, 0.9), ((20, 0, 30, 10), 1, 0.3), ((40, 0, 50, 10), 0, 0.12)],
        [((0, 0, 10, 10), 0), ((20, 0, 30, 8), 1), ((40, 0, 50, 10), 0)],
    )
    summary = summarise_objects({"a": seen}, {"a": Truth((60, 60), instances)}, SCORING)
    values = {measure.metric: measure.value for measure in summary.measures}
    assert values["recall@0.10/0.60"] == 100
    assert values["recall@0.25/0.60"] == pytest.approx(200 / 3)
    assert values["recall@0.125/0.60"] == pytest.approx(200 / 3)
    assert len(values) == len(summary.measures)
    assert values["recall@0.50/0.60"] == pytest.approx(100 / 3)
    assert values["recall@0.25/0.60[car]"] == 50
    assert values["precision@0.25/0.60[bus]"] == 100
    assert values["recall_macro@0.25/0.60"] == 75
    assert values["iou_tp@0.25/0.60"] == pytest.approx(90)
    assert values["recall:literal_conf"] == pytest.approx(100 / 3)
    assert values["iou:darknet_recall"] == pytest.approx(100 * (1 + 0.8 + 1) / 3)
    assert values["AP[car]"] == pytest.approx(100)
    assert values["AP[bus]"] == pytest.approx(70)  # IoU 0.8 passes seven of ten thresholds
    assert values["AP60"] == pytest.approx(100)


def test_a_detector_agrees_with_itself_on_the_clean_image() -> None:
    seen, _ = arrays([((0, 0, 10, 10), 0, 0.9), ((20, 0, 30, 10), 1, 0.3), ((40, 0, 50, 10), 0, 0.12)], [])
    true = pseudo_truth(seen)
    assert true.areas.tolist() == [100, 100]
    values = {m.metric: m.value for m in summarise_objects({"a": seen}, {"a": Truth((60, 60), true)}, SCORING).measures}
    assert (values["precision@0.25/0.60"], values["recall@0.25/0.60"], values["iou_gt@0.25"]) == (100, 100, 100)


def test_a_row_is_scored_against_the_same_detector_on_the_clean_image() -> None:
    rows = [((0, 0, 10, 10), 0, 0.9), ((20, 0, 30, 10), 1, 0.3), ((40, 0, 50, 10), 0, 0.12)]
    clean, _ = arrays(rows, [])
    rainy, _ = arrays([((0, 0, 10, 8), 0, 0.5), ((40, 0, 50, 10), 0, 0.4)], [])
    truths = {"a": Truth((60, 60))}  # no labels: they play no part
    itself = measure_against_clean({"a": clean}, {"a": clean}, truths, SCORING)
    names = [f"{name}:pseudo_gt" for name in ("precision", "recall", "iou", "AP", "AP50", "AP75")]
    assert [(m.metric, m.images) for m in itself] == [(name, 1) for name in names]
    assert [m.value for m in itself] == pytest.approx([100] * 6)
    values = {m.metric: m.value for m in measure_against_clean({"a": rainy}, {"a": clean}, truths, SCORING)}
    assert values["precision:pseudo_gt"] == 50  # the second box scores 0.12 on the clean image: not an object
    assert values["recall:pseudo_gt"] == 50
    assert values["iou:pseudo_gt"] == pytest.approx(40)
    assert values["AP50:pseudo_gt"] == pytest.approx(50)


def test_nothing_seen_on_the_clean_image_leaves_all_undefined() -> None:
    nothing, _ = arrays([], [])
    seen, _ = arrays([((0, 0, 10, 10), 0, 0.9)], [])
    found = measure_against_clean({"a": seen}, {"a": nothing}, {"a": Truth((60, 60))}, SCORING)
    assert found == []


def test_of_many_equal_scores_suppression_keeps_the_first() -> None:
    boxes = np.array([[50 * (n % 2), 0, 50 * (n % 2) + 10, 10 + n / 10] for n in range(80)])
    stays = suppress(boxes, np.tile([0.5, 0.9], 40), np.zeros(80, np.int64), 0.1)
    assert np.flatnonzero(stays).tolist() == [0, 1]
