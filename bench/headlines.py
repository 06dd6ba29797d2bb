"""Which columns a short table has, and the intervals beside its numbers."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bench.contract import Record

HEADLINES = (
    "psnr_y", "ssim_y", "fsim", "niqe", "sseq",
    "precision", "recall", "iou_gt", "AP", "AP50", "mask_AP", "mask_AP50", "mPA", "mIoU",
)  # fmt: skip
"""Metrics of the short table, by their name before ``@``, in the order of the paper's Tables 4, 5 and 6."""

ESSENTIALS = ("psnr_y", "ssim_y", "AP50", "mask_AP50", "mIoU")
"""Headline metrics that are left where several vision tasks share one table: it has to be readable."""

_VISION = frozenset({"detection", "instances", "semantic"})


def base_of(metric: str) -> str:
    """A metric's name without its thresholds."""
    return metric.partition("@")[0]


def shortened(records: Sequence[Record], every_headline: bool = False) -> list[Record]:
    """Those of the records of one dataset that its short table shows, in its order.

    Headline metrics, and all metrics of a task that has none of them: somebody's own.

    Args:
        records: Records of one dataset.
        every_headline: False leaves the essential headlines where several vision tasks share the table.
    """
    several = len({record.task for record in records} & _VISION) > 1
    shown = ESSENTIALS if several and not every_headline else HEADLINES
    ours = {record.task for record in records if base_of(record.metric) in HEADLINES}
    return sorted((r for r in records if base_of(r.metric) in shown or r.task not in ours), key=_place)


def _place(record: Record) -> int:
    return HEADLINES.index(base) if (base := base_of(record.metric)) in HEADLINES else len(HEADLINES)


def with_intervals(table: pd.DataFrame, intervals: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Put 95 % intervals beside the numbers of a wide table: ``58.32 [55.1, 61.4]``.

    Args:
        table: Of :func:`bench.tables.wide`.
        intervals: Of :func:`bench.uncertainty.read_intervals`.
        dataset: Which one the table is about.
    """
    own = intervals[intervals["dataset"] == dataset]
    keys = zip(own["derainer"].astype(str), own["metric"].astype(str), strict=True)
    found = dict(zip(keys, zip(own["low"].astype(float), own["high"].astype(float), strict=True), strict=True))

    def beside(derainer: str, heading: str, cell: str) -> str:
        low, high = found.get((derainer, heading.split(" (")[0]), (float("nan"), float("nan")))
        if not cell or low != low:
            return cell
        digits = max(1, len(cell.partition(".")[2]) - 1)
        return f"{cell} [{low:.{digits}f}, {high:.{digits}f}]"

    rows = [
        {str(heading): beside(row["derainer"], str(heading), cell) for heading, cell in row.items()}
        for row in table.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=list(table.columns))
