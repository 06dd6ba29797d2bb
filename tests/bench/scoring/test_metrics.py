"""Short tables stay readable, and tell their intervals."""

from __future__ import annotations

import pandas as pd
import pytest

from bench.contract import Record
from bench.scoring.metrics import ESSENTIALS, HEADLINES, shortened
from bench.tables.wide import with_intervals


def record(task: str, metric: str) -> Record:
    return Record("streets", "rain", task, "model", metric, 0.5, "%", 3, 3, "protocol", "")


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        (["quality"], HEADLINES),
        (["quality", "detection"], HEADLINES),
        (["detection", "semantic"], ESSENTIALS),
        (["quality", "detection", "instances", "semantic"], ESSENTIALS),
    ],
)
def test_several_vision_tasks_share_a_table_of_few_columns(tasks: list[str], expected: tuple[str, ...]) -> None:
    records = [record(task, metric) for task in tasks for metric in ("AR@1", *reversed(HEADLINES))]
    shown = dict.fromkeys(one.metric for one in shortened([*records, record("mine", "count")]))
    assert tuple(shown) == (*expected, "count")
    whole = dict.fromkeys(one.metric for one in shortened(records, every_headline=True))
    assert tuple(whole) == HEADLINES


def test_intervals_stand_beside_their_numbers() -> None:
    table = pd.DataFrame(
        {
            "derainer": ["rain", "clean"],
            "AP50 (%)": ["40.12", "80.00"],
            "psnr_y (dB)": ["18.63", ""],
            "images": ["24/24", "24/24"],
        }
    )
    intervals = pd.DataFrame(
        {
            "dataset": ["streets", "streets", "other", "streets"],
            "derainer": ["rain", "rain", "clean", "clean"],
            "metric": ["AP50", "psnr_y", "AP50", "psnr_y"],
            "low": [38.5, 18.001, 1.0, 2.0],
            "high": [42.25, 19.239, 3.0, 4.0],
        }
    )
    shown = with_intervals(table, intervals, "streets").to_dict("list")
    assert shown["AP50 (%)"] == ["40.12 [38.5, 42.2]", "80.00"]
    assert shown["psnr_y (dB)"] == ["18.63 [18.0, 19.2]", ""]
    assert shown["images"] == ["24/24", "24/24"]
