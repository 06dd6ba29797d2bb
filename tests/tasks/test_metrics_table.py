"""The table of metrics names all that the tasks emit, and nothing else."""

import csv
import re
from pathlib import Path

import numpy as np

import tasks
from bench.contract import Detections, Instances, Truth
from bench.io.masks import encode
from tasks.detection.against_clean import measure_against_clean
from tasks.detection.counting_rules import RULES
from tasks.detection.masks import mask_overlaps
from tasks.detection.summary import Scoring, summarise_objects
from tasks.quality.metrics import UNITS
from tasks.quality.task import IDENTICAL
from tasks.semantic.confusion import scores_of
from tasks.semantic.task import measures_of


def patterns_of(task: str) -> dict[str, tuple[str, re.Pattern[str]]]:
    """Name in the table to unit and pattern."""
    with (Path(tasks.__file__).parent / "metrics.csv").open(newline="", encoding="utf-8") as file:
        rows = [
            (name, row["unit"]) for row in csv.DictReader(file) if row["task"] == task for name in row["metric"].split()
        ]
    number, rules = r"\d\.\d+", "|".join(RULES)
    expressions = {
        name: re.escape(name).replace("@S", f"@{number}").replace("/O", f"/{number}").replace("RULE", f"({rules})")
        .replace("CLASS", r"[^\]]+").replace(r"mask_\.\.\.", "mask_.+")
        for name, _ in rows
    }  # fmt: skip
    assert len(expressions) == len(rows)
    return {name: (unit, re.compile(expressions[name])) for name, unit in rows}


def check(task: str, emitted: dict[str, str], never_here: frozenset[str] = frozenset()) -> None:
    patterns = patterns_of(task)
    used = set()
    for metric, unit in emitted.items():
        found = [name for name, (_, pattern) in patterns.items() if pattern.fullmatch(metric)]
        assert len(found) == 1, f"{metric}: {found}"
        used.add(found[0])
        if task != "instances":  # its one row stands for all that detection has
            assert patterns[found[0]][0] == unit, metric
    assert used == patterns.keys() - never_here


def objects(kind: str) -> dict[str, str]:
    mask = np.zeros((60, 60), dtype=bool)
    mask[:10, :10] = True
    boxes, masks = np.array([[0, 0, 10, 10], [5, 5, 5, 9.0]]), (encode(mask), encode(mask))
    seen = Detections(boxes[:1], np.array([0.9]), np.array([1]), masks[:1])
    areas = np.array([100.0, 2000, 20000, 100, 0])
    true = Instances(boxes[[0, 0, 0, 0, 1]], np.ones(5, np.int64), np.zeros(5, bool), areas, masks[:1] * 5)
    overlaps = lambda s, t: mask_overlaps(s.masks or (), t.masks or (), t.crowd)  # noqa: E731
    scoring = Scoring(kind, overlaps, (1,), 0.25, 0.6, (0.5,), tuple(RULES), {1: "car"}, True)  # type: ignore[arg-type]
    summary = summarise_objects({"a": seen}, {"a": Truth((60, 60), true)}, scoring)
    own = measure_against_clean({"a": seen}, {"a": seen}, {"a": Truth((60, 60))}, scoring)
    return {m.metric: m.unit for m in (*summary.measures, *own)} | {
        m.metric: "" for m in summary.per_image if "iou_gt_sum" in m.metric
    }


def test_detection() -> None:
    check("detection", objects("bbox"))


def test_instances() -> None:
    emitted = objects("segm")
    check("instances", emitted)
    assert {metric.removeprefix("mask_") for metric in emitted} == objects("bbox").keys()


def test_semantic() -> None:
    scores = scores_of(np.array([[3, 1, 0], [0, 2, 1]]))
    assert scores is not None
    check("semantic", {m.metric: m.unit for m in measures_of(scores, ["road", "car"], 1)})


def test_quality() -> None:
    check("quality", {**UNITS, IDENTICAL: ""})
