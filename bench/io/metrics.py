"""Parse names of metrics, and look up in ``metrics.csv`` what is known of each: unit, direction, place in tables."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from bench.contract import Better, Measure, Metric

_NAME = re.compile(
    r"(?P<base>[^@:\[]+?)(?:(?<=AP)_(?P<size>small|medium|large))?"
    r"(?:@(?P<thresholds>[^:\[]+))?(?::(?P<rule>[^\[]+))?(?:\[(?P<label>.*)\])?",
    re.DOTALL,  # a class may have any name
)
_BETTER: Mapping[str, Better] = {"higher": "higher", "lower": "lower", "": ""}


@dataclass(frozen=True)
class MetricName:
    """Parts of a metric's name; an absent part is empty, or None.

    Attributes:
        base: What is measured: ``precision``, ``AP``, ``mask_AP``, ``psnr_y``.
        size: COCO's size of objects: ``small``, ``medium``, ``large``.
        thresholds: Least score, or least score and least IoU: ``0.25``, ``0.25/0.60``.
        rule: Another way to count, or another truth: ``darknet_map``, ``pseudo_gt``.
        label: Name of the class, which may be any text, even an empty one.
    """

    base: str
    size: str = ""
    thresholds: str = ""
    rule: str = ""
    label: str | None = None

    @property
    def stem(self) -> str:
        """The name without thresholds: ``precision[car]``, ``AP_small``, ``iou:darknet_map``."""
        return self._text("", self.label)

    @property
    def pattern(self) -> str:
        """The name as ``metrics.csv`` writes it: ``precision@S/O[CLASS]``."""
        thresholds = "/".join(("S", "O", "T")[: 1 + self.thresholds.count("/")]) if self.thresholds else ""
        return self._text(thresholds, None if self.label is None else "CLASS")

    def with_rule(self, rule: str) -> str:
        """Write the name with another rule: ``precision@0.25/0.60:retrained``."""
        return replace(self, rule=rule)._text(self.thresholds, self.label)

    def _text(self, thresholds: str, label: str | None) -> str:
        parts = (("_", self.size), ("@", thresholds), (":", self.rule))
        text = self.base + "".join(mark + part for mark, part in parts if part)
        return text if label is None else f"{text}[{label}]"


@cache
def parse_metric(name: str) -> MetricName:
    """Parse the name of one metric, such as ``mask_precision@0.25/0.60[car]`` or ``AP:pseudo_gt``.

    A name of another form, which only a plug-in can have, is all base.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return MetricName(name)
    return MetricName(
        match["base"], match["size"] or "", match["thresholds"] or "", match["rule"] or "", match["label"]
    )


@dataclass(frozen=True)
class MetricTable:
    """Facts of all metrics that tables may meet, in the order of short tables.

    Attributes:
        rows: Name as in ``metrics.csv`` to the facts.
    """

    rows: Mapping[str, Metric]

    def find(self, name: str) -> Metric | None:
        """Look up one metric by the name that a record has; None if nobody described it."""
        parts = parse_metric(name)
        other = replace(parts, rule="RULE") if parts.rule else parts
        return self.rows.get(parts.pattern) or self.rows.get(other.pattern)

    def place(self, name: str) -> int:
        """Find the place of one metric in the order of tables; undescribed metrics come last."""
        found = self.find(name)
        return list(self.rows).index(found.name) if found else len(self.rows)


@cache
def built_in_metrics() -> MetricTable:
    """Read ``metrics.csv``: every metric of the built-in tasks."""
    return MetricTable({row["metric"]: _metric(row) for row in _lines()})


def metrics_of(task: str) -> list[Metric]:
    """List the metrics of one built-in task that count in its own way, by no rule of others."""
    return [_metric(row) for row in _lines() if row["task"] == task and not parse_metric(row["metric"]).rule]


def _lines() -> list[dict[str, str]]:
    return list(csv.DictReader(files("bench.io").joinpath("metrics.csv").read_text("utf-8").splitlines()))


def metric_table(described: Sequence[Metric] = ()) -> MetricTable:
    """Join the built-in metrics with those that tasks from outside describe; a built-in name keeps its own facts."""
    known = built_in_metrics()
    if not described:
        return known
    return MetricTable({**known.rows, **{one.name: one for one in described if one.name not in known.rows}})


def measure(name: str, value: float, images: int) -> Measure:
    """Make a measure of a built-in metric with the unit and the direction of ``metrics.csv``.

    Args:
        name: The full name, with thresholds.
        value: In the metric's unit.
        images: How many images the value rests on.

    Raises:
        LookupError: The metric has no row.
    """
    known = built_in_metrics().find(name)
    if known is None:
        raise LookupError(f"metric {name!r} has no row in bench/io/metrics.csv; add {parse_metric(name).pattern!r}")
    return Measure(name, value, known.unit, images, known.better)


def to_better(text: str) -> Better:
    """Check that a text is a direction: ``higher``, ``lower`` or empty.

    Raises:
        ValueError: It is none.
    """
    if text not in _BETTER:
        raise ValueError(f"expected 'higher', 'lower' or nothing for better, got {text!r}")
    return _BETTER[text]


def _metric(row: Mapping[str, str]) -> Metric:
    return Metric(
        name=row["metric"],
        unit=row["unit"],
        better=to_better(row["better"]),
        headline=row["headline"] == "yes",
        short=row["short"] == "yes",
        main=row["main"] == "yes",
        digits=int(row["digits"]),
        meaning=row["meaning"],
    )
