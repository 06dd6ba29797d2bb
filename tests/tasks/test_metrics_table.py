"""The table of metrics names all that the tasks emit, and nothing else."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import bench.io
from bench.contract import Classes, Detections, Instances, Measure, Summary, Truth
from bench.io.masks import encode
from bench.io.metrics import built_in_metrics, measure
from tasks.detection.against_clean import measure_against_clean
from tasks.detection.counting_rules import RULES
from tasks.detection.masks import mask_overlaps
from tasks.detection.summary import Scoring, summarise_objects
from tasks.quality.metrics import QUALITY_METRICS
from tasks.quality.task import IDENTICAL, build
from tasks.semantic.confusion import scores_of
from tasks.semantic.task import classes_of, measures_of


def check(task: str, summary: Summary) -> None:
    """Every metric of a task has a row that says what the task says, and every row of the task a metric."""
    with (Path(bench.io.__file__).parent / "metrics.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["metric"] for row in csv.DictReader(file) if row["task"] == task}
    used = set()
    for one in summary.measures:
        known = built_in_metrics().find(one.metric)
        assert known is not None, one.metric
        assert (one.unit, one.better) == (known.unit, known.better), one.metric
        used.add(known.name)
    of_images = [one.metric for one in summary.per_image]
    for name in (*of_images, *(f"{one.metric}[{one.label}]" for one in summary.per_class)):
        known = built_in_metrics().find(name)
        assert known is not None, name
        used.add(known.name)
    assert used == rows


def objects(kind: str) -> Summary:
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
    return replace(summary, measures=(*summary.measures, *own))


def test_detection() -> None:
    check("detection", objects("bbox"))


def test_instances() -> None:
    check("instances", objects("segm"))


def test_semantic() -> None:
    scores = scores_of(np.array([[3, 1, 0], [0, 2, 1]]))
    assert scores is not None
    names = ["road", "car"]
    check("semantic", Summary(tuple(measures_of(scores, names, 1)), (), tuple(classes_of(scores, names, [4, 3]))))


def test_quality() -> None:
    evidence = {"a": dict.fromkeys((*QUALITY_METRICS, IDENTICAL), 0.5)}
    check("quality", build({"metrics": QUALITY_METRICS}, Classes()).summarise(evidence, {}))


def test_distances_and_scores_that_are_worse_the_greater_say_so() -> None:
    table = built_in_metrics()
    assert [name for name, metric in table.rows.items() if metric.better == "lower"] == ["lpips", "niqe", "sseq"]
    assert all(metric.better for metric in table.rows.values() if metric.headline or metric.short or metric.main)


def test_a_metric_without_a_row_cannot_be_measured() -> None:
    assert measure("precision@0.30/0.75[a [b]]", 12.5, 3) == Measure(
        "precision@0.30/0.75[a [b]]", 12.5, "%", 3, "higher"
    )
    with pytest.raises(LookupError, match=r"'error@1' has no row in bench/io/metrics\.csv; add 'error@S'"):
        measure("error@1", 0.5, 1)
