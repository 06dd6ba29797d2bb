"""Short tables stay readable, main metrics sum a task up, and intervals stand beside their numbers."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from bench.contract import Metric, Record
from bench.scoring.metrics import digits_of, heading, is_headline, main_metrics, shortened, signs_of
from bench.tables.wide import with_intervals

HEADLINES = {
    "quality": ("psnr_y", "ssim_y", "fsim", "niqe", "sseq"),
    "detection": ("precision@0.25/0.60", "recall@0.25/0.60", "iou_gt@0.25", "AP", "AP50"),
    "instances": ("mask_AP", "mask_AP50"),
    "semantic": ("mPA", "mIoU"),
}
"""Of the short table, by task, in the order of the paper's Tables 4, 5 and 6."""
SHORT = {"quality": ("psnr_y", "ssim_y"), "detection": ("AP50",), "instances": ("mask_AP50",), "semantic": ("mIoU",)}
OTHERS = ("AR10", "lpips", "AP[car]", "precision@0.25/0.60[car]", "AP:pseudo_gt", "mask_precision@0.25/0.60", "fwIoU")
DESCRIBED = [
    Metric("error@S", better="lower", headline=True, short=True, main=True, digits=1),
    Metric("tries@S", digits=0),
]


def record(task: str, metric: str, better: str = "higher") -> Record:
    return replace(Record("streets", "rain", task, "model", metric, 0.5, "%", 3, 3, "protocol"), better=better)  # type: ignore[arg-type]


def records_of(*tasks: str) -> list[Record]:
    """All headlines of some tasks in a wrong order, and metrics that are none."""
    return [record(task, metric) for task in tasks for metric in (*OTHERS, *reversed(HEADLINES[task]))]


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        (["quality"], HEADLINES),
        (["quality", "detection"], HEADLINES),
        (["semantic", "detection"], SHORT),
        (["quality", "detection", "instances", "semantic"], SHORT),
    ],
)
def test_several_vision_tasks_share_a_table_of_few_columns(
    tasks: list[str], expected: dict[str, tuple[str, ...]]
) -> None:
    records = [*records_of(*tasks), record("mine", "count")]
    shown = dict.fromkeys(one.metric for one in shortened(records))
    in_order = [task for task in HEADLINES if task in tasks]
    assert list(shown) == [*(name for task in in_order for name in expected[task]), "count"]
    whole = dict.fromkeys(one.metric for one in shortened(records, every_headline=True))
    assert list(whole) == [*(name for task in in_order for name in HEADLINES[task]), "count"]


def test_a_task_from_outside_chooses_its_headlines() -> None:
    records = [record("mine", "tries@3"), record("mine", "error@3"), *records_of("detection")]
    assert [one.metric for one in shortened(records, described=DESCRIBED)] == ["AP50", "error@3"]
    undescribed = [one.metric for one in shortened(records)]
    assert undescribed == [*HEADLINES["detection"], "tries@3", "error@3"], "all of it, and all headlines of the others"
    assert is_headline("error@5", DESCRIBED)
    assert not is_headline("error@5")


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        (["quality"], ["psnr_y", "ssim_y"]),
        (["quality", "semantic", "detection"], ["AP", "mIoU"]),
        (["instances"], ["mask_AP"]),
    ],
)
def test_rows_are_summed_up_by_one_metric_a_vision_task_else_by_quality(tasks: list[str], expected: list[str]) -> None:
    assert main_metrics(records_of(*tasks)) == expected
    both = main_metrics([*records_of(*tasks), record("mine", "error@3")], DESCRIBED)
    assert both == [*(metric for metric in expected if metric not in ("psnr_y", "ssim_y")), "error@3"]


@pytest.mark.parametrize(
    ("metric", "unit", "digits"),
    [("psnr_y", "dB", 2), ("tp@0.25/0.60", "", 0), ("niqe", "", 4), ("speed", "%", 2), ("speed", "", 4),
     ("error@3", "", 1), ("tries@3", "", 0)],
)  # fmt: skip
def test_digits_are_those_of_the_metric_else_of_its_unit(metric: str, unit: str, digits: int) -> None:
    assert digits_of(metric, unit, DESCRIBED) == digits


def test_headings_have_the_unit_and_directions_are_signs() -> None:
    assert (heading("AP", "%"), heading("lpips", "")) == ("AP (%)", "lpips")
    records = [record("mine", name, better) for name, better in (("a", "higher"), ("b", "lower"), ("c", ""))]
    assert signs_of(records) == {"a": 1, "b": -1, "c": 0}


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
