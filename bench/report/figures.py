"""Make the plots of a run's page from its estimates. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.contract import FloatArray
from bench.report.plots import Plot, PlottedNumber, Series, draw, draw_ranking
from bench.runs.rows import CLEAN, ON_CLEAN, RAIN, kind_of
from bench.scoring.estimates import Estimate, Estimates
from bench.scoring.metrics import heading
from bench.suites.suite import DatasetConfig

COLOURS = 8
"""Number of colours for derainers in the style sheet; more derainers begin again."""

SCENE = {"severity", "tasks"}
"""Settings that may differ between the datasets of one severity curve."""


_ENDS = {RAIN: "the rain itself", CLEAN: "the clean images"}


@dataclass(frozen=True)
class Curve:
    """Precision and recall as the least score falls, ratios in [0, 1].

    Attributes:
        recall: (P,) in ascending order.
        precision: (P,) at the same least scores.
        point: Recall and precision at the least score of the table; None without detections.
    """

    recall: FloatArray
    precision: FloatArray
    point: tuple[float, float] | None


def styles_of(rows: Sequence[str]) -> dict[str, str]:
    """Give each row the CSS class of its colour; a harm test has that of its derainer."""
    derainers = [row for row in rows if kind_of(row) == "derainer"]
    styles = {row: f"s{index % COLOURS + 1}" for index, row in enumerate(derainers)}
    return {row: styles.get(row.removeprefix(ON_CLEAN), f"s-{row}" if row in (RAIN, CLEAN) else "s1") for row in rows}


def ranking(estimates: Estimates, dataset: str, metric: str, rows: Sequence[str]) -> Plot | None:
    """Plot one metric row by row with intervals, and lines at rain and clean; None with fewer than two rows."""
    styles = styles_of(rows)
    found = [(row, estimates[dataset, row, metric]) for row in rows if (dataset, row, metric) in estimates]
    if len(found) < 2:
        return None
    marked = [(f"s-{row}", one.value) for row, one in found if row in (RAIN, CLEAN)]
    ends = " and ".join(text for end, text in _ENDS.items() if any(row == end for row, _ in found))
    return draw_ranking(
        f"{metric}, row by row",
        f"Points are scores, bars 95 % intervals over images.{f' Dashed: {ends}.' if ends else ''}",
        heading(metric, found[0][1].unit),
        [(row, styles[row], value_of(one)) for row, one in found],
        marked,
    )


def against_quality(estimates: Estimates, dataset: str, metric: str, rows: Sequence[str]) -> Plot | None:
    """Plot a task's metric over PSNR; the clean images have no PSNR and are a line. None with fewer than two points."""
    styles = styles_of(rows)
    pairs = {
        row: (quality, score)
        for row in rows
        if kind_of(row) in ("derainer", "rain")
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
    """Plot precision over recall of every row, with a point at the numbers of the table.

    Args:
        title: Above the plot.
        overlap: Least overlap of a match.
        curves: Row to curve.
    """
    styles = styles_of(list(curves))
    series = []
    for row, curve in curves.items():
        points = tuple(
            (PlottedNumber(float(r)), PlottedNumber(float(p)))
            for r, p in zip(curve.recall, curve.precision, strict=True)
        )
        series.append(Series(row, styles[row], points, line=True, marks=False))
    dots = [Series("", styles[row], ((PlottedNumber(curve.point[0]), PlottedNumber(curve.point[1])),))
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
    """Plot one metric over the severity of the rain; None unless datasets differ in the severity alone."""
    groups = severity_groups(configs)
    if not groups:
        return None
    styles, names = styles_of(rows), groups[0]
    series = [
        Series(row, styles[row], tuple((PlottedNumber(configs[n].severity), value_of(one)) for n in names
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
    """Group datasets that differ in the severity of their rain alone, lightest first; groups of two or more."""
    groups: dict[str, list[str]] = {}
    for name, config in configs.items():
        groups.setdefault(config.model_dump_json(exclude=SCENE), []).append(name)
    curves = [sorted(names, key=lambda name: configs[name].severity) for names in groups.values()]
    return [names for names in curves if len({configs[name].severity for name in names}) > 1]


def against_cost(
    estimates: Estimates, dataset: str, metric: str, costs: Mapping[str, float], rows: Sequence[str]
) -> Plot | None:
    """Plot one metric over seconds an image, on a logarithmic axis; None without measured costs."""
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
        [Series(row, styles[row], ((PlottedNumber(seconds), value_of(one)),)) for row, seconds, one in pairs],
        ends,
        log_x=True,
    )


def value_of(estimate: Estimate) -> PlottedNumber:
    """Turn one estimate into a plotted number; without an interval it has no whiskers."""
    known = math.isfinite(estimate.low) and math.isfinite(estimate.high)
    return PlottedNumber(estimate.value, estimate.low, estimate.high) if known else PlottedNumber(estimate.value)
