"""Which columns a short table has, and the intervals beside its numbers."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bench.contract import Record

ESSENTIALS = ("psnr_y", "ssim_y", "AP50", "mask_AP50", "mIoU")
"""Headline metrics that are left where several vision tasks share one table: it has to be readable."""

_VISION = frozenset({"detection", "instances", "semantic"})


def readable(headlines: Sequence[str], records: Sequence[Record]) -> Sequence[str]:
    """Those of the headline metrics for which the records of one dataset leave room."""
    several = len({record.task for record in records} & _VISION) > 1
    return [metric for metric in headlines if metric in ESSENTIALS] if several else headlines


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
