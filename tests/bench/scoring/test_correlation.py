"""Correlations of quality and score against scipy, and the images in which they disagree, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bench.contract import Record
from bench.runs.rows import Row
from bench.scoring.correlation import correlation_frame, disagreement_frame
from bench.scoring.statistics import draw_weights

IMAGES = [f"i{n}" for n in range(12)]
ROWS = ("rain", "one", "two", "clean")


@pytest.fixture
def values() -> dict[tuple[str, str], np.ndarray]:
    """(Derainer, metric) to one value an image; ``one`` has ties, and lost an image's score."""
    rng = np.random.default_rng(4)
    found = {(row, metric): rng.normal(20, 4, 12) for row in ROWS for metric in ("psnr_y", "f1@0.25/0.60")}
    found["one", "f1@0.25/0.60"] = 2 * (found["one", "f1@0.25/0.60"] / 2).round(0)
    found["one", "f1@0.25/0.60"][3] = np.nan
    return found


def frame_of(values: dict[tuple[str, str], np.ndarray]) -> pd.DataFrame:
    rows = [
        ("d", row, "quality" if metric == "psnr_y" else "detection", "", image, metric, value)
        for (row, metric), found in values.items()
        for image, value in zip(IMAGES, found, strict=True)
        if np.isfinite(value)
    ]
    flags = [
        ("d", row, "quality", "", image, "identical_images", float(n == 4))
        for row in ROWS
        for n, image in enumerate(IMAGES)
    ]
    counts = [("d", row, "detection", "", image, "tp@0.25/0.60", 3.0) for row in ROWS for image in IMAGES]
    columns = ["dataset", "derainer", "task", "model", "image", "metric", "value"]
    return pd.DataFrame([*rows, *flags, *counts], columns=columns)


def records_of(values: dict[tuple[str, str], np.ndarray]) -> list[Record]:
    found = [
        Record("d", row, task, "net", metric, float(np.nanmean(v)), unit, 12, 12, "", "", "higher")
        for (row, metric), v in values.items()
        for task, unit in [("quality", "dB") if metric == "psnr_y" else ("detection", "%")]
    ]
    return found + [
        Record("d", row, task, "net", metric, 3.0, "", 12, 12, "")
        for row in ROWS
        for task, metric in (("quality", "identical_images"), ("detection", "tp@0.25/0.60"))
    ]


def test_correlations_are_scipys(values: dict[tuple[str, str], np.ndarray]) -> None:
    frame = correlation_frame(frame_of(values), records_of(values), {}, 200)
    assert set(zip(frame["quality"], frame["score"], strict=True)) == {("psnr_y", "f1@0.25/0.60")}, (
        "no flags, no counts"
    )
    assert frame["derainer"].tolist() == ["rain", "one", "one", "two", "two", ""], "in the order of the run"
    found = {(row.over, row.derainer): row for row in frame.itertuples()}
    assert set(found) == {
        ("images", "rain"), ("images", "one"), ("images", "two"), ("gains", "one"), ("gains", "two"), ("derainers", ""),
    }  # fmt: skip
    there = np.isfinite(values["one", "f1@0.25/0.60"])
    x, y = (values["one", metric] for metric in ("psnr_y", "f1@0.25/0.60"))
    row = found["images", "one"]
    assert row.n == 11
    assert row.spearman == pytest.approx(stats.spearmanr(x[there], y[there]).statistic)
    assert row.kendall == pytest.approx(stats.kendalltau(x[there], y[there]).statistic)
    assert row.spearman_low <= row.spearman <= row.spearman_high
    gains = [values["two", m] - values["rain", m] for m in ("psnr_y", "f1@0.25/0.60")]
    assert found["gains", "two"].spearman == pytest.approx(stats.spearmanr(*gains).statistic)


def test_derainers_are_compared_by_their_values_in_the_table(values: dict[tuple[str, str], np.ndarray]) -> None:
    rng = np.random.default_rng(1)
    resamples = {
        Row("d", name, task): {metric: rng.normal(values[name, metric].mean(), 1, 300)}
        for name in ("rain", "one", "two")
        for task, metric in (("quality", "psnr_y"), ("detection", "f1@0.25/0.60"))
    }
    resamples[Row("d", "one", "detection")]["f1@0.25/0.60"][:] = rng.normal(20, 1, 300)
    frame = correlation_frame(frame_of(values), records_of(values), resamples, 300)
    row = frame[frame["over"] == "derainers"].iloc[0]
    means = [[np.nanmean(values[name, m]) for name in ("rain", "one", "two")] for m in ("psnr_y", "f1@0.25/0.60")]
    assert row["n"] == 3, "the clean images are no derainer's work"
    assert row["spearman"] == pytest.approx(stats.spearmanr(*means).statistic)
    drawn = [
        [resamples[Row("d", name, task)][metric] for name in ("rain", "one", "two")]
        for task, metric in (("quality", "psnr_y"), ("detection", "f1@0.25/0.60"))
    ]
    each = [stats.kendalltau([p[n] for p in drawn[0]], [p[n] for p in drawn[1]]).statistic for n in range(300)]
    assert (row["kendall_low"], row["kendall_high"]) == pytest.approx(np.quantile(each, [0.025, 0.975]))


def test_intervals_are_quantiles_of_two_hundred_resamples_that_repeat_images(
    values: dict[tuple[str, str], np.ndarray],
) -> None:
    frame = correlation_frame(frame_of(values), records_of(values), {}, 1000)
    row = next(row for row in frame.itertuples() if (row.over, row.derainer) == ("images", "two"))
    by_name = sorted(range(12), key=IMAGES.__getitem__)
    x, y = (values["two", metric][by_name] for metric in ("psnr_y", "f1@0.25/0.60"))
    rho, tau = [], []
    for counts in draw_weights(12, 200, "d"):
        drawn = np.repeat(np.arange(12), counts)
        rho.append(stats.spearmanr(x[drawn], y[drawn]).statistic)
        tau.append(stats.kendalltau(x[drawn], y[drawn]).statistic)
    assert (row.spearman_low, row.spearman_high) == pytest.approx(np.quantile(rho, [0.025, 0.975]))
    assert (row.kendall_low, row.kendall_high) == pytest.approx(np.quantile(tau, [0.025, 0.975]))
    few = correlation_frame(frame_of(values), records_of(values), {}, 20)
    assert few["spearman_low"].notna().sum() == 5, "fewer where the run has fewer"
    assert (few["spearman_low"] != frame["spearman_low"]).all()


def test_two_images_have_neither_correlation_nor_interval() -> None:
    two = {(row, metric): np.full(12, np.nan) for row in ROWS for metric in ("psnr_y", "f1@0.25/0.60")}
    for number, found in enumerate(two.values()):
        found[:2] = [number, 2 * number + 1]
    frame = correlation_frame(frame_of(two), records_of(two), {}, 200)
    of_images = frame[frame["over"] != "derainers"]
    assert of_images["n"].tolist() == [2] * 5
    assert of_images[["spearman", "kendall", "spearman_low", "kendall_high"]].isna().all(axis=None)


def test_a_table_of_one_quality_and_one_score_is_enough(values: dict[tuple[str, str], np.ndarray]) -> None:
    whole = frame_of(values)
    bare = whole[whole["metric"].isin(["psnr_y", "f1@0.25/0.60"])]
    pd.testing.assert_frame_equal(
        correlation_frame(bare, records_of(values), {}, 0), correlation_frame(whole, records_of(values), {}, 0)
    )


def test_all_qualities_correlate_and_the_first_of_the_derainers_tells_disagreements(
    values: dict[tuple[str, str], np.ndarray],
) -> None:
    also = frame_of(values)
    also = also[also["metric"] == "psnr_y"].assign(metric="ssim_y", value=also["value"] / 100)
    images = pd.concat([frame_of(values), also])
    # The clean images have no PSNR and stand before their own dataset's derainers; another dataset has SSIM first.
    first = [Record("d", "clean", "quality", "net", "ssim_y", 1.0, "", 12, 12, "", "", "higher")]
    other = [Record("e", "one", "quality", "net", "ssim_y", 1.0, "", 12, 12, "", "", "higher")]
    own = records_of(values)
    own += [replace(record, metric="ssim_y", unit="") for record in own if record.metric == "psnr_y"]
    for before in (first, other):
        found = correlation_frame(images, [*before, *own], {}, 0)
        assert list(dict.fromkeys(found["quality"])) == ["psnr_y", "ssim_y"]
        assert set(disagreement_frame(images, [*before, *own])["quality"]) == {"psnr_y"}


def test_two_derainers_are_too_few() -> None:
    rng = np.random.default_rng(4)
    few = {(row, metric): rng.normal(20, 4, 12) for row in ("rain", "one") for metric in ("psnr_y", "f1@0.25/0.60")}
    frame = correlation_frame(frame_of(few), records_of(few), {}, 0)
    assert "derainers" not in set(frame["over"])
    assert frame["spearman_low"].isna().all(), "no resamples, no intervals"


def test_disagreements_are_gains_in_quality_and_losses_in_score() -> None:
    zero = np.zeros(12)
    psnr, score = np.arange(12.0), np.array([-1.0, -1, -1, 0, 0, 0, 0, 0, 0, 0, -5, -2])
    psnr[2] = -0.5
    values = {("rain", "psnr_y"): zero, ("rain", "f1@0.25/0.60"): zero + 50}
    values |= {("one", "psnr_y"): psnr, ("one", "f1@0.25/0.60"): 50 + score}
    frame = disagreement_frame(frame_of(values), records_of(values))
    # Ranks of the gains: i10 has 11 and 1, i11 12 and 2, i1 3 and 4; i0 and i2 did not gain, all others did not lose.
    assert frame["image"].tolist() == ["i10", "i11", "i1"]
    assert frame["rank"].tolist() == [1, 2, 3]
    assert frame.iloc[0][["quality_gain", "score_gain"]].tolist() == [10.0, -5.0]


def test_where_a_lower_distance_is_better_an_image_that_came_nearer_lost_some() -> None:
    zero = np.zeros(12)
    distance, errors = -np.arange(12.0), np.array([1.0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 5, 2])
    distance[2] = 0.5
    values = {("rain", "lpips"): zero, ("rain", "mine"): zero}
    values |= {("one", "lpips"): distance, ("one", "mine"): errors}
    images = frame_of(values).replace({"detection": "count"})
    images.loc[images["metric"] == "lpips", "task"] = "quality"
    records = [
        Record("d", row, "quality" if metric == "lpips" else "count", "net", metric, 0.0, "", 12, 12, "", "", "lower")
        for row, metric in values
    ]
    frame = disagreement_frame(images, records)
    assert frame["image"].tolist() == ["i10", "i11", "i1"], "as above, with all signs turned"
    assert frame.iloc[0][["quality_gain", "score_gain"]].tolist() == [-10.0, 5.0]


def test_ten_disagreements_are_told_and_equal_ones_in_the_order_of_the_images() -> None:
    rows = [
        ("d", derainer, task, "", f"i{n:02}", metric, gain * (derainer == "one") * (n % 2 + 1 if gain > 0 else 1))
        for n in range(40)
        for derainer in ("rain", "one")
        for task, metric, gain in (("quality", "psnr_y", 1.5), ("detection", "f1@0.25/0.60", -1.0))
    ]
    images = pd.DataFrame(rows, columns=["dataset", "derainer", "task", "model", "image", "metric", "value"])
    values = {(row, metric): np.zeros(1) for row in ("rain", "one") for metric in ("psnr_y", "f1@0.25/0.60")}
    frame = disagreement_frame(images, records_of(values))
    assert frame["image"].tolist() == [f"i{n:02}" for n in range(1, 20, 2)], "their quality gained more"
    assert frame["rank"].tolist() == list(range(1, 11))
