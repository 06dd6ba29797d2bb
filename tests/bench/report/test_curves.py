from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from bench.protocols import Drawable
from bench.report.curves import POINTS, curve_of, curves_of
from bench.report.run import read_run
from bench.runs.rows import Row
from synth.datasets.dataset import open_dataset
from tasks import TASKS


def test_the_curve_is_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(3)
    right = rng.uniform(size=90) < 0.6
    scores = np.round(rng.uniform(size=90), 2)  # ties
    curve = curve_of(scores, right, int(right.sum()), 0.5)
    precision, recall, _ = metrics.precision_recall_curve(right, scores)
    theirs = {(round(r, 9), round(p, 9)) for r, p in zip(recall, precision, strict=True)}
    ours = [(round(float(r), 9), round(float(p), 9)) for r, p in zip(curve.recall, curve.precision, strict=True)]
    assert set(ours) <= theirs
    assert len(ours) > 30
    assert ours == sorted(ours, key=lambda point: point[0])
    chosen = scores >= 0.5
    assert curve.point == pytest.approx((right[chosen].sum() / right.sum(), right[chosen].mean()))


def test_missed_objects_count_and_many_points_are_thinned() -> None:
    curve = curve_of(np.linspace(1, 0, 1000), np.ones(1000, dtype=bool), 2000, 2.0)
    assert curve.recall.max() == 0.5
    assert len(curve.recall) <= POINTS + 1
    assert curve.point is None, "no detection has that score"


def test_without_detections_there_is_no_point() -> None:
    curve = curve_of(np.zeros(0), np.zeros(0, dtype=bool), 5, 0.25)
    assert len(curve.recall) == 0
    assert curve.point is None


def test_the_point_of_the_table_lies_on_the_curve(finished: Path) -> None:
    run = read_run(finished)
    dataset = open_dataset(finished / "data/streets")
    with (finished / "records.csv").open(newline="", encoding="utf-8") as file:
        values = {(row["derainer"], row["metric"]): float(row["value"]) for row in csv.DictReader(file)}
    for task, prefix, tag in (("detection", "", "0.25/0.60"), ("instances", "mask_", "0.25/0.50")):
        built = TASKS.load(TASKS.named(task))(run.card.tasks["streets"][task].scoring, dataset.classes)
        assert isinstance(built, Drawable)
        curves = curves_of(run.store, dataset, [Row("streets", row, task) for row in ("rain", "mine")], built)
        assert list(curves) == ["rain", "mine"]
        for row, curve in curves.items():
            assert curve.point is not None
            assert 100 * curve.point[0] == pytest.approx(values[row, f"{prefix}recall@{tag}"], abs=1e-4)
            assert 100 * curve.point[1] == pytest.approx(values[row, f"{prefix}precision@{tag}"], abs=1e-4)
