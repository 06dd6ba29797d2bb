"""Which columns a short table has, and the intervals beside its numbers."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bench.contract import Record

HEADLINES = (
    "psnr_y", "ssim_y", "precision", "recall", "iou_gt", "AP", "AP50", "mask_AP", "mask_AP50", "mPA", "mIoU",
)  # fmt: skip
"""Metrics of the short table, by their name before ``@``, in the order of the paper's Table 6."""

ESSENTIALS = ("psnr_y", "ssim_y", "AP50", "mask_AP50", "mIoU")
"""Those that are left where several vision tasks share one table: it has to be readable."""

_VISION = frozenset({"detection", "instances", "semantic"})


def headlines_of(records: Sequence[Record]) -> tuple[str, ...]:
    """The columns, in order, that suit the records of one dataset."""
    several = len({record.task for record in records} & _VISION) > 1
    return ESSENTIALS if several else HEADLINES


def base_of(metric: str) -> str:
    """A metric's name without thresholds and what else follows ``@``."""
    return metric.split("@")[0]


def with_intervals(table: pd.DataFrame, intervals: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Put 95 % intervals beside the numbers of a wide table: ``58.32 [55.10, 61.44]``.

    Args:
        table: Of :func:`bench.tables.wide`.
        intervals: Of :func:`bench.uncertainty.read_intervals`.
        dataset: Which one the table is about.
    """
    own = intervals[intervals["dataset"] == dataset]
    found = {(str(row.derainer), str(row.metric)): (float(row.low), float(row.high)) for row in own.itertuples()}

    def beside(derainer: str, heading: str, cell: str) -> str:
        low, high = found.get((derainer, heading.split(" (")[0]), (float("nan"), float("nan")))
        if not cell or low != low:
            return cell
        digits = len(cell.partition(".")[2])
        return f"{cell} [{low:.{digits}f}, {high:.{digits}f}]"

    rows = [
        {heading: beside(row["derainer"], heading, cell) for heading, cell in row.items()}
        for row in table.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=list(table.columns))
