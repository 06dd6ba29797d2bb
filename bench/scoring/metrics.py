"""Which columns a short table has, and the intervals beside its numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence

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


LOWER_IS_BETTER = frozenset({"lpips", "niqe", "sseq"})


_PLAIN_SCORES = LOWER_IS_BETTER | {"ssim_y", "ssim_rgb", "ms_ssim_y", "fsim", "fsimc"}
"""Scores without a unit; what else has none is a count."""


_TASKS_FIRST = ("AP", "mask_AP", "mIoU")


def sign_of(heading: str) -> int:
    """1 if a column of a wide table is better the higher, -1 if the lower, 0 if it ranks nothing."""
    metric = base_of(heading.partition(" ")[0])
    if metric in LOWER_IS_BETTER:
        return -1
    return 1 if metric in _PLAIN_SCORES or re.search(r" \((%|dB)\)$", heading) else 0
