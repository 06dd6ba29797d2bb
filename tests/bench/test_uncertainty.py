"""Intervals, recovery and the comparison of two rows, on a real run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.api import run_suite
from bench.config import Suite
from bench.errors import UserError
from bench.runner import RunResult
from bench.statistics import draw_weights
from bench.uncertainty import compare_rows, read_intervals


@pytest.fixture
def out(suite: Suite, photos: Path, tmp_path: Path) -> Path:
    run_suite(suite, tmp_path / "out", roots={"photos": photos})
    return tmp_path / "out"


def per_image(out: Path, derainer: str, metric: str) -> np.ndarray:
    frame = pd.read_csv(out / "per_image.csv")
    return frame[(frame.derainer == derainer) & (frame.metric == metric)]["value"].to_numpy()


def test_intervals_are_quantiles_of_the_means_of_resampled_images(out: Path) -> None:
    import zlib

    found = read_intervals(out).set_index(["derainer", "metric"]).loc[("classical", "psnr_rgb")]
    weights = draw_weights(5, 1000, zlib.crc32(b"photos"))
    means = weights @ per_image(out, "classical", "psnr_rgb") / 5
    assert [found.low, found.high] == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=2e-6)
    assert found.low <= found.value <= found.high


def test_recovery_lies_between_rain_and_clean(out: Path) -> None:
    frame = read_intervals(out).set_index(["derainer", "metric"])
    row = frame.loc[("classical", "ssim_y")]
    rain, clean = frame.loc[("rain", "ssim_y")].value, frame.loc[("clean", "ssim_y")].value
    assert row.recovery == pytest.approx((row.value - rain) / (clean - rain), abs=1e-5)
    assert row.recovery_low <= row.recovery <= row.recovery_high
    assert frame.loc[["rain", "clean"]]["recovery"].isna().all()
    # The clean image has no PSNR, so nothing can be recovered of it.
    assert np.isnan(frame.loc[("classical", "psnr_y")].recovery)


def test_comparison_is_paired_image_by_image(out: Path) -> None:
    frame = compare_rows(out, "classical", "rain", every_metric=True).set_index("metric")
    row = frame.loc["ssim_rgb"]
    gap = per_image(out, "classical", "ssim_rgb") - per_image(out, "rain", "ssim_rgb")
    assert row.difference == pytest.approx(gap.mean(), abs=2e-6)
    assert (row.higher, row.lower) == ((gap > 0).sum(), (gap < 0).sum())
    assert row.low <= row.difference <= row.high
    assert row.p <= row.p_holm <= 1


def test_metrics_that_no_table_shows_do_not_make_the_correction_stricter(out: Path) -> None:
    shown = compare_rows(out, "classical", "rain").set_index("metric")
    every = compare_rows(out, "classical", "rain", every_metric=True).set_index("metric")
    assert list(shown.index) == ["psnr_y", "ssim_y"]
    assert len(every) > 2
    assert (shown["p"] == every["p"][shown.index]).all()
    assert shown["p_holm"].max() == pytest.approx(min(1.0, max(2 * shown["p"].min(), shown["p"].max())))


def test_a_row_against_itself_is_no_difference(out: Path) -> None:
    frame = compare_rows(out, "rain", "rain")
    assert (frame["difference"] == 0).all()
    assert (frame["p"] == 1).all()


def test_unknown_rows_and_runs_without_resamples_are_refused(
    suite: Suite, photos: Path, tmp_path: Path, out: Path
) -> None:
    with pytest.raises(UserError, match="no row 'mspfn'; it has rain, classical, clean"):
        compare_rows(out, "mspfn", "rain")
    without = suite.model_copy(update={"resamples": 0})
    run_suite(without, tmp_path / "bare", roots={"photos": photos})
    assert read_intervals(tmp_path / "bare").empty
    with pytest.raises(UserError, match="no resamples"):
        compare_rows(tmp_path / "bare", "classical", "rain")


def test_two_runs_write_the_same_bytes(suite: Suite, photos: Path, tmp_path: Path, out: Path) -> None:
    result: RunResult = run_suite(suite, tmp_path / "again", roots={"photos": photos})
    assert result.resamples
    for name in ("intervals.csv", "bootstrap/photos/classical/quality.csv"):
        assert (out / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
