"""Choose the metrics that a table shows, and say how each is headed, printed and ranked.

What is known of a metric by its name stands in ``bench/io/metrics.csv`` (:mod:`bench.io.metrics`), and in the card of a
run for tasks from outside; which values are better stands in every record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from bench.contract import Better, Metric, Record
from bench.io.metrics import metric_table, parse_metric

QUALITY = "quality"
"""The task that compares pixels; all others look with a model, or from outside."""

_SIGNS: Mapping[Better, int] = MappingProxyType({"higher": 1, "lower": -1, "": 0})


_OVER_CLASSES = frozenset({"AP", "AP50", "AP75", "AR100", "mIoU", "mPA"})


def over_classes(metric: str) -> bool:
    """Return True for a mean over the classes of a dataset, of which some may be in one image only."""
    return parse_metric(metric).base.removeprefix("mask_") in _OVER_CLASSES


def sign_of(better: Better) -> int:
    """Turn a direction into a factor: 1 if higher is better, -1 if lower is, 0 if the metric ranks nothing."""
    return _SIGNS[better]


def signs_of(records: Iterable[Record]) -> dict[str, int]:
    """Map every metric of some records to the factor of its direction; see :func:`sign_of`."""
    return {record.metric: sign_of(record.better) for record in records}


def heading(metric: str, unit: str) -> str:
    """Write the heading of a metric's column: ``psnr_y (dB)``."""
    return f"{metric} ({unit})" if unit else metric


def digits_of(metric: str, unit: str, described: Sequence[Metric] = ()) -> int:
    """Count the decimals with which a metric is printed: those of its description, else of its unit."""
    known = metric_table(described).find(metric)
    return known.digits if known else unit_digits(unit)


def unit_digits(unit: str) -> int:
    """Count the decimals of a value in a unit: two for dB and per cent, else four."""
    return 2 if unit in ("dB", "%") else 4


def is_headline(metric: str, described: Sequence[Metric] = ()) -> bool:
    """Return True if short tables show the metric."""
    known = metric_table(described).find(metric)
    return known is not None and known.headline


def shortened(
    records: Sequence[Record], every_headline: bool = False, described: Sequence[Metric] = ()
) -> list[Record]:
    """Choose the records of one dataset that its short table shows, in the table's order.

    Headline metrics, and all metrics of a task that has none of them. Where several tasks beside image quality have
    headlines, only those marked ``short`` are left: the table has to be readable.

    Args:
        records: Records of one dataset.
        every_headline: True keeps all headlines, however many tasks share the table.
        described: Metrics of tasks from outside, from the cards of the runs.
    """
    table = metric_table(described)
    facts = {record.metric: table.find(record.metric) for record in records}
    headlines = {name for name, known in facts.items() if known and known.headline}
    tasks = {record.task for record in records if record.metric in headlines}
    if len(tasks - {QUALITY}) > 1 and not every_headline:
        headlines = {name for name in headlines if (known := facts[name]) and known.short}
    chosen = [record for record in records if record.metric in headlines or record.task not in tasks]
    return sorted(chosen, key=lambda record: table.place(record.metric))


def most_images(records: Iterable[Record]) -> dict[str, int]:
    """Map every metric of one dataset's records to the most images on which a row's number rests."""
    found: dict[str, int] = {}
    for record in records:
        found[record.metric] = max(found.get(record.metric, 0), record.images)
    return found


def main_metrics(records: Sequence[Record], described: Sequence[Metric] = ()) -> list[str]:
    """Choose the metrics by which the rows of one dataset are summed up: the main one of every task.

    Those of image quality only where no other task has one.

    Args:
        records: Records of one dataset.
        described: Metrics of tasks from outside.
    """
    table = metric_table(described)
    main = {record.metric: record.task for record in records if (m := table.find(record.metric)) and m.main}
    ordered = sorted(main, key=table.place)
    return [metric for metric in ordered if main[metric] != QUALITY] or ordered


def stem_of(metric: str) -> str:
    """Cut the thresholds off a metric's name: ``precision`` for ``precision@0.25/0.60``."""
    return parse_metric(metric).stem
