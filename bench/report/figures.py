"""Which plots a run's page has, and what is in them. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.contract import FloatArray
from bench.report.plots import Plot, Series, Value, draw, draw_ranking
from bench.runs.rows import CLEAN, ON_CLEAN, RAIN, kind_of
from bench.scoring.intervals import Estimate, Estimates
from bench.scoring.metrics import heading
from bench.suites.suite import DatasetConfig

COLOURS = 8
"""Colours of derainers in the style sheet; more derainers begin again."""

SCENE = {"severity", "tasks"}
"""Settings that may differ between the datasets of one severity curve."""


@dataclass(frozen=True)
class Curve:
    """Precision and recall as the least score falls, and both at the score of the table; ratios in [0, 1]."""

    recall: FloatArray
    precision: FloatArray
    point: tuple[float, float] | None


def styles_of(rows: Sequence[str]) -> dict[str, str]:
    """CSS class of each row's colour; a derainer on clean images has that of the derainer."""
    derainers = [row for row in rows if kind_of(row, ()) == "derainer"]
    styles = {row: f"s{index % COLOURS + 1}" for index, row in enumerate(derainers)}
    return {row: styles.get(row.removeprefix(ON_CLEAN), f"s-{row}" if row in (RAIN, CLEAN) else "s1") for row in rows}


def ranking(estimates: Estimates, dataset: str, metric: str, rows: Sequence[str]) -> Plot | None:
    """One score a row with its interval; lines at rain and clean."""
    styles = styles_of(rows)
    found = [(row, estimates[dataset, row, metric]) for row in rows if (dataset, row, metric) in estimates]
    if len(found) < 2:
        return None
    marked = [(f"s-{row}", one.value) for row, one in found if row in (RAIN, CLEAN)]
    return draw_ranking(
        f"{metric}, row by row",
        "Points are scores, bars 95 % intervals over images. Dashed: the rain itself and the clean images.",
        heading(metric, found[0][1].unit),
        [(row, styles[row], value_of(one)) for row, one in found],
        marked,
    )


def against_quality(estimates: Estimates, dataset: str, metric: str, rows: Sequence[str]) -> Plot | None:
    """Task score over PSNR: does the one tell the other? The clean image has no PSNR and is a line."""
    styles = styles_of(rows)
    pairs = {
        row: (quality, score)
        for row in rows
        if kind_of(row, ()) in ("derainer", "rain")
        if (quality := estimates.get((dataset, row, "psnr_y"))) and (score := estimates.get((dataset, row, metric)))
    }
    if len(pairs) < 2:
        return None
    clean = estimates.get((dataset, CLEAN, metric))
    return draw(
        f"{metric} against PSNR",
        "If PSNR told what a model sees, all points would rise together. Bars: 95 % intervals.",
        "psnr_y (dB)",
        heading(metric, next(iter(pairs.values()))[1].unit),
        [Series(row, styles[row], ((value_of(a), value_of(b)),)) for row, (a, b) in pairs.items()],
        [(CLEAN, "s-clean", clean.value)] if clean else [],
    )


def precision_recall(title: str, overlap: float, curves: Mapping[str, Curve]) -> Plot | None:
    """Precision over recall, pooled over images and classes; a point where the table reads them."""
    styles = styles_of(list(curves))
    series = []
    for row, curve in curves.items():
        points = tuple((Value(float(r)), Value(float(p))) for r, p in zip(curve.recall, curve.precision, strict=True))
        series.append(Series(row, styles[row], points, line=True, marks=False))
    dots = [Series("", styles[row], ((Value(curve.point[0]), Value(curve.point[1])),))
            for row, curve in curves.items() if curve.point]  # fmt: skip
    return draw(
        title,
        f"All classes pooled, IoU at least {overlap:.2f}; the points are the precision and recall of the table.",
        "recall",
        "precision",
        [*series, *dots],
        x_range=(0.0, max([0.05, *(float(curve.recall.max(initial=0)) for curve in curves.values())]) * 1.04),
        y_range=(0.0, 1.02),
    )


def severity(
    estimates: Estimates, metric: str, configs: Mapping[str, DatasetConfig], rows: Sequence[str]
) -> Plot | None:
    """Score over the severity of the rain, where datasets differ in nothing else."""
    groups = severity_groups(configs)
    if not groups:
        return None
    styles, names = styles_of(rows), groups[0]
    series = [
        Series(row, styles[row], tuple((Value(configs[n].severity), value_of(one)) for n in names
                                       if (one := estimates.get((n, row, metric)))), line=True)
        for row in rows
    ]  # fmt: skip
    known = [one for name in names for row in rows if (one := estimates.get((name, row, metric)))]
    if not known:
        return None
    return draw(
        f"{metric} as the rain grows",
        "Severity 1 is the suite's usual rain. Bars: 95 % intervals.",
        "severity of the rain",
        heading(metric, known[0].unit),
        series,
    )


def severity_groups(configs: Mapping[str, DatasetConfig]) -> list[list[str]]:
    """Datasets that differ in the severity of their rain alone, lightest first; groups of two or more."""
    groups: dict[str, list[str]] = {}
    for name, config in configs.items():
        groups.setdefault(config.model_dump_json(exclude=SCENE), []).append(name)
    curves = [sorted(names, key=lambda name: configs[name].severity) for names in groups.values()]
    return [names for names in curves if len({configs[name].severity for name in names}) > 1]


def against_cost(
    estimates: Estimates, dataset: str, metric: str, costs: Mapping[str, float], rows: Sequence[str]
) -> Plot | None:
    """Task score over seconds an image, on a logarithmic axis."""
    styles = styles_of(rows)
    pairs = [(row, costs[row], one) for row in rows if row in costs and (one := estimates.get((dataset, row, metric)))]
    if not pairs:
        return None
    ends = [(row, f"s-{row}", one.value) for row in (RAIN, CLEAN) if (one := estimates.get((dataset, row, metric)))]
    return draw(
        f"{metric} against cost",
        "Further up is better, further left is faster. Bars: 95 % intervals.",
        "seconds an image",
        heading(metric, pairs[0][2].unit),
        [Series(row, styles[row], ((Value(seconds), value_of(one)),)) for row, seconds, one in pairs],
        ends,
        log_x=True,
    )


def value_of(estimate: Estimate) -> Value:
    """The estimate as a point with whiskers."""
    known = math.isfinite(estimate.low) and math.isfinite(estimate.high)
    return Value(estimate.value, estimate.low, estimate.high) if known else Value(estimate.value)
