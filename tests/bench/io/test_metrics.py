"""Names of metrics are parsed once, and facts are found by the names that records have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.contract import Measure, Metric
from bench.io.metrics import MetricName, built_in_metrics, metric_table, parse_metric, to_better


@pytest.mark.parametrize(
    ("name", "parts", "stem", "pattern"),
    [
        ("psnr_y", MetricName("psnr_y"), "psnr_y", "psnr_y"),
        (
            "mask_precision@0.25/0.60[car]",
            MetricName("mask_precision", thresholds="0.25/0.60", label="car"),
            "mask_precision[car]",
            "mask_precision@S/O[CLASS]",
        ),
        ("iou_gt@0.125", MetricName("iou_gt", thresholds="0.125"), "iou_gt", "iou_gt@S"),
        ("AP:pseudo_gt", MetricName("AP", rule="pseudo_gt"), "AP:pseudo_gt", "AP:pseudo_gt"),
        ("AP_small", MetricName("AP", size="small"), "AP_small", "AP_small"),
        ("mask_AP_large", MetricName("mask_AP", size="large"), "mask_AP_large", "mask_AP_large"),
        ("error_small", MetricName("error_small"), "error_small", "error_small"),
        ("iou[a [b]\nc]", MetricName("iou", label="a [b]\nc"), "iou[a [b]\nc]", "iou[CLASS]"),
        ("iou[]", MetricName("iou", label=""), "iou[]", "iou[CLASS]"),
        ("odd [x", MetricName("odd [x"), "odd [x", "odd [x"),
        ("", MetricName(""), "", ""),
    ],
)
def test_a_name_is_made_of_parts(name: str, parts: MetricName, stem: str, pattern: str) -> None:
    found = parse_metric(name)
    assert found == parts
    assert (found.stem, found.pattern) == (stem, pattern)


@given(st.text(alphabet="aAP_@:[]/.0 ", max_size=12))
def test_any_text_is_a_name_and_a_pattern_is_its_own(name: str) -> None:
    pattern = parse_metric(name).pattern
    assert parse_metric(pattern).pattern == pattern


def test_every_row_of_the_table_is_found_by_its_own_name() -> None:
    table = built_in_metrics()
    assert all(table.find(name) is metric for name, metric in table.rows.items())
    found = table.find("recall:darknet_map")
    assert found is not None
    assert found.name == "recall:RULE"
    assert table.find("precision") is None, "not without its thresholds"


def test_described_metrics_come_last_and_take_no_name_of_ours() -> None:
    table = metric_table([Metric("AP", better="lower"), Metric("error@S", better="lower")])
    assert table.find("AP") is built_in_metrics().find("AP")
    assert table.place("mIoU") < table.place("error@7") < table.place("unknown")


def test_what_is_no_direction_is_refused() -> None:
    with pytest.raises(ValueError, match="'up'"):
        to_better("up")
    with pytest.raises(ValueError, match="'mine': better is 'higher', 'lower' or empty, got 'up'"):
        Measure("mine", 1.0, "", 1, "up")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="digits are 0 to 6, got 9"):
        Metric("mine", digits=9)
