"""Intervals, recovery and the comparison of two rows, on a real run."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from PIL import Image as Pillow

from bench.api.run import run_suite
from bench.contract import Record
from bench.errors import UserError
from bench.runs.records import long, write_frame
from bench.runs.rows import Row
from bench.scoring.intervals import compare_rows, interval_frames, read_intervals
from bench.scoring.per_image import COLUMNS
from bench.scoring.scores import RunResult, Scores
from bench.scoring.statistics import draw_weights
from bench.suites.suite import Suite


@pytest.fixture
def out(suite: Suite, photos: Path, tmp_path: Path, image_of: Callable[[int, int, int], npt.NDArray[np.uint8]]) -> Path:
    """A run on twelve photographs."""
    for seed, id in enumerate("fghijkl", start=5):
        Pillow.fromarray(image_of(64, 96, seed)).save(photos / "images" / f"{id}.jpg", quality=95)
        shutil.copy(photos / "masks" / "a.png", photos / "masks" / f"{id}.png")
    run_suite(suite, tmp_path / "out", roots={"photos": photos})
    return tmp_path / "out"


def per_image(out: Path, derainer: str, metric: str) -> np.ndarray:
    frame = pd.read_csv(out / "per_image.csv")
    return frame[(frame.derainer == derainer) & (frame.metric == metric)]["value"].to_numpy()


def test_intervals_are_quantiles_of_the_means_of_resampled_images(out: Path) -> None:
    found = read_intervals(out).set_index(["derainer", "metric"]).loc[("classical", "psnr_rgb")]
    weights = draw_weights(12, 1000, "photos")
    means = weights @ per_image(out, "classical", "psnr_rgb") / 12
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
    assert result.scores.resamples
    for name in ("intervals.csv", "bootstrap/photos/classical/quality.csv"):
        assert (out / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def record(derainer: str, metric: str, value: float, dataset: str = "d", untrained: bool = False) -> Record:
    return Record(dataset, derainer, "mine", "", metric, value, "", 12, 12, "rules", untrained=untrained)


def result_of(values: Mapping[str, float], drawn: Mapping[str, Sequence[float]]) -> Scores:
    """One metric of several rows; the row ``wild`` has random weights."""
    records = [record(row, "m", value, untrained=row == "wild") for row, value in values.items()]
    resamples = {Row("d", row, "mine"): {"m": np.array(numbers, dtype=float)} for row, numbers in drawn.items()}
    judged = {Row("d", row, "mine"): tuple("abcdefghijkl") for row in values}
    return Scores(records=records, resamples=resamples, judged=judged)


def interval_rows(result: Scores) -> pd.DataFrame:
    return interval_frames(result)["intervals.csv"].set_index("derainer")


def test_recovery_is_that_of_every_resample() -> None:
    drawn = {"wild": [1, 2, 3], "rain": [10, 10, 12], "one": [12, 15, 18], "two": [9, 10, 13], "clean": [20, 20, 22]}
    frame = interval_rows(result_of({"wild": 2, "rain": 11, "one": 15, "two": 10, "clean": 21}, drawn))
    assert list(frame.index) == ["rain", "one", "two", "clean"]
    assert frame.loc["one", "recovery"] == pytest.approx(0.4)
    assert frame.loc["one", ["recovery_low", "recovery_high"]].tolist() == pytest.approx([0.215, 0.595])  # .2, .5, .6
    assert frame.loc["two", "recovery"] == pytest.approx(-0.1)
    assert frame.loc["two", ["low", "high"]].tolist() == pytest.approx([9.05, 12.85])
    assert frame.loc[["rain", "clean"], "recovery"].isna().all()


@pytest.mark.parametrize("absent", ["rain", "clean"])
def test_without_both_ends_nothing_is_recovered(absent: str) -> None:
    values, drawn = {"rain": 10, "one": 15, "clean": 20}, {"rain": [10, 11], "one": [12, 15], "clean": [20, 21]}
    shown = {row: numbers for row, numbers in drawn.items() if row != absent}
    without_resamples = interval_rows(result_of(values, shown)).loc["one"]
    without_value = interval_rows(result_of({row: values[row] for row in shown}, drawn)).loc["one"]
    for row in (without_resamples, without_value):
        assert row[["low", "high"]].tolist() == pytest.approx([12.075, 14.925])
        assert row[["recovery", "recovery_low", "recovery_high"]].isna().all()


def test_where_the_rain_took_nothing_there_is_no_recovery_at_all() -> None:
    drawn = {"rain": [10, 11, 9], "one": [12, 15, 13], "clean": [20, 21, 22]}
    row = interval_rows(result_of({"rain": 10, "one": 15, "clean": 10}, drawn)).loc["one"]
    assert row[["recovery", "recovery_low", "recovery_high"]].isna().all()
    drawn["clean"] = drawn["rain"]
    row = interval_rows(result_of({"rain": 10, "one": 15, "clean": 12}, drawn)).loc["one"]
    assert row[["recovery", "recovery_low", "recovery_high"]].isna().all()


def test_metrics_without_a_value_are_passed_over() -> None:
    nan = float("nan")
    result = result_of({"one": 15}, {"one": [12, 15, 18]})
    result.resamples[Row("d", "one", "mine")] = {"x": np.ones(3), "m": np.array([nan, nan, 3.0])}
    frame = interval_rows(result)
    assert frame["metric"].tolist() == ["m"]
    assert frame[["low", "high"]].isna().all(axis=None), "most of its resamples are undefined"


def write_run(root: Path, result: Scores, images: pd.DataFrame) -> None:
    for name, frame in {
        "records.csv": long(result.records),
        "per_image.csv": images,
        **interval_frames(result),
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_frame(root / name, frame)


def test_comparison_by_hand(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    values = {"one": [10, 12, 15, 20], "two": [9.5, 12, 16, 14]}
    means, shown = {"two": {"d": 12.875, "e": 1.0}, "one": {"d": 14.25, "e": 2.0}}, ("m", "n")
    records = [replace(record(row, "m", 1.0), task="without resamples") for row in means]
    records += [record(row, m, mean[place], place) for row, mean in means.items() for place in "de" for m in shown]
    records += [record("one", "alone", 1.0), record("one", "undrawn", 1.0), record("two", "undrawn", 2.0)]
    records += [record(row, "late", 5.0, "e") for row in means]  # drawn in both datasets
    records += [record(row, "single", 5.0, "f") for row in means]
    drawn = {
        Row(place, row, "mine"): {m: rng.normal(mean[place], 2, 200).round(6) for m in (*shown, "late", "unrecorded")}
        for row, mean in means.items()
        for place in "de"
    }
    drawn |= {Row("f", row, "mine"): {"single": rng.normal(0, 1, 200)} for row in means}
    drawn[Row("d", "one", "mine")] |= {"alone": np.ones(200), "undrawn": np.ones(200)}
    lines = [
        (place, row, "mine", "", image, metric, value if (place, metric) == ("d", "m") else -value)
        for place in "de"
        for metric in ("m", "other")
        for row, numbers in values.items()
        for image, value in zip("abcd", numbers, strict=True)
    ]
    lines += [("d", row, "theirs", "", "a", "m", 99.0 * n) for n, row in enumerate(values)]
    write_run(tmp_path, Scores(records=records, resamples=drawn), pd.DataFrame(lines, columns=COLUMNS))
    frame = compare_rows(tmp_path, "one", "two", every_metric=True)
    found = list(zip(frame["dataset"], frame["metric"], strict=True))
    assert found == [("d", "m"), ("d", "n"), ("e", "m"), ("e", "n"), ("e", "late"), ("f", "single")]
    row = frame.iloc[0]
    assert (row["one"], row["two"], row["difference"]) == (14.25, 12.875, 1.375)
    gap = drawn[Row("d", "one", "mine")]["m"] - drawn[Row("d", "two", "mine")]["m"]
    assert (row["low"], row["high"]) == pytest.approx(np.quantile(gap, [0.025, 0.975]), abs=1e-6)
    assert row["p"] == pytest.approx(2 * (min((gap <= 0).sum(), (gap >= 0).sum()) + 1) / 201)
    assert (row["higher"], row["lower"]) == (2, 1), "0.5 and 6 higher, 1 lower, one equal"
    assert frame.iloc[1][["higher", "lower"]].tolist() == ["", ""], "no values of single images"
    assert frame.iloc[2][["higher", "lower"]].tolist() == [1, 2], "of the other dataset, where they are negative"
