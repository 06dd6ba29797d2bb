"""Gains over the rain are the differences that ``compare`` tells, corrected over the derainers of a metric."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.contract import Record
from bench.errors import UserError
from bench.runs.records import read_records
from bench.scoring.gains import _gain, gains_over_rain
from bench.scoring.intervals import PairedDifference, compare_rows
from bench.scoring.statistics import Interval


def test_a_gain_is_what_compare_says(real: Path) -> None:
    gains = gains_over_rain(real)
    assert {"AP", "mIoU"} <= set(gains["metric"])
    for row in ("mine", "fogger"):
        told = compare_rows(real, row, "rain", every_metric=True).set_index(["dataset", "metric"])
        for line in gains[gains["derainer"] == row].to_dict("records"):
            other = told.loc[(line["dataset"], line["metric"])]
            assert (line["gain"], line["low"], line["high"]) == (other["difference"], other["low"], other["high"])
            assert (line["p"], line["wins"], line["losses"]) == (other["p"], other["higher"], other["lower"])
            assert line["value"] - line["rain"] == line["gain"]


def test_p_is_corrected_over_the_derainers_of_each_metric(real: Path) -> None:
    ours = gains_over_rain(real).query("dataset == 'wet' and metric == 'AP'")
    assert ours["p"].tolist() == pytest.approx([2 / 51, 2 / 51])
    assert ours["p_holm"].tolist() == pytest.approx([4 / 51, 4 / 51])


def test_of_lower_is_better_a_fall_is_a_gain() -> None:
    rain, mine = (
        Record("d", row, "quality", "", "niqe", value, "", 10, 10, "", better="lower")
        for row, value in (("rain", 5.0), ("mine", 4.0))
    )
    images = pd.DataFrame(
        {
            "dataset": "d",
            "task": "quality",
            "metric": "niqe",
            "image": ["a", "b", "c"] * 2,
            "derainer": ["rain"] * 3 + ["mine"] * 3,
            "value": [5.0, 5.0, 5.0, 4.0, 3.0, 6.0],
        }
    )
    line = _gain(PairedDifference(mine, rain, Interval(-1.5, -0.5), 0.01), images)
    assert (line["gain"], line["low"], line["high"], line["wins"], line["losses"]) == (1.0, 0.5, 1.5, 2, 1)


def test_what_ranks_nothing_and_who_is_untrained_is_left_out(finished: Path) -> None:
    gains = gains_over_rain(finished, every_metric=True)
    assert set(gains["derainer"]) == {"mine", "fogger"}
    ranked = {record.metric for record in read_records(finished) if record.better}
    assert set(gains["metric"]) <= ranked
    assert np.isfinite(gains["low"]).all()


def test_a_run_without_the_rain_has_no_gains(real: Path, tmp_path: Path) -> None:
    text = (real / "records.csv").read_text()
    (tmp_path / "records.csv").write_text("".join(line for line in text.splitlines(True) if ",rain," not in line))
    with pytest.raises(UserError, match="a gain wants the row 'rain' and a derainer; the run has fogger, mine"):
        gains_over_rain(tmp_path)
    (tmp_path / "records.csv").write_text(text)
    with pytest.raises(UserError, match="has no resamples of 'rain'"):
        gains_over_rain(tmp_path)


def test_a_row_that_real_rain_cannot_have_is_told_why(real: Path) -> None:
    with pytest.raises(UserError, match=r"no row 'clean' \(wet has no clean images: .*; it has rain, fogger, mine"):
        compare_rows(real, "mine", "clean")
    with pytest.raises(UserError, match="no row 'other'; it has"):
        compare_rows(real, "mine", "other")
