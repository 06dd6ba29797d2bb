"""Bootstrap and corrections against scipy, against hand-computed values, and on simulated data."""

from __future__ import annotations

import hashlib
import math
import tracemalloc

import numpy as np
import pytest
from scipy import stats

from bench.scoring.statistics import (
    draw_subsets,
    draw_weights,
    holm,
    interval,
    p_value,
    rank_correlation,
    recovery,
    resample_rank_correlation,
    row_rank_correlations,
    widen,
)


def test_every_resample_draws_as_many_images_as_there_are() -> None:
    weights = draw_weights(37, 200, "set 5")
    assert weights.shape == (200, 37)
    assert (weights.sum(axis=1) == 37).all()
    assert weights.min() >= 0


def test_draws_depend_on_the_datasets_name_alone_and_are_these() -> None:
    # From this function itself (NumPy 2.4), seeded with the CRC-32 of the name: PCG64's raw stream is promised to
    # stay, so every machine and version of NumPy has to draw the same; published intervals rest on it.
    assert draw_weights(5, 3, "streets").tolist() == [[1, 2, 0, 0, 2], [1, 2, 0, 1, 1], [3, 1, 0, 0, 1]]
    drawn = draw_weights(350, 1000, "coco350").astype("<i8").tobytes()
    assert hashlib.sha256(drawn).hexdigest() == "f01976f01b53ec1db940b0be9153e2635e1a68e179aa374018327a70869bbcea"
    assert draw_weights(5, 50, "set 7").tolist() != draw_weights(5, 50, "set 8").tolist()


def test_drawing_takes_no_more_memory_than_what_is_drawn() -> None:
    tracemalloc.start()
    weights = draw_weights(2000, 500, "set 0")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.1 * weights.nbytes


def test_draws_are_uniform() -> None:
    counts = draw_weights(20, 5000, "set 3").sum(axis=0)
    assert stats.chisquare(counts).pvalue > 1e-4


def test_interval_is_that_of_scipys_percentile_bootstrap() -> None:
    values = np.random.default_rng(1).normal(10, 3, 80)
    ours = interval(draw_weights(80, 20_000, "set 1") @ values / 80, 80)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=2).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.05)


def test_mostly_undefined_resamples_give_no_interval() -> None:
    assert not interval(np.array([1.0, np.nan, np.nan]), 10).known
    assert interval(np.array([1.0, 2.0, np.nan]), 10).known


@pytest.mark.slow
def test_coverage_of_paired_intervals_on_simulated_data() -> None:
    rng = np.random.default_rng(11)
    trials, images = 1500, 100
    weights = draw_weights(images, 1000, "set 0").astype(np.float64)
    hits = 0
    for _ in range(trials):
        shared = rng.gamma(2, 2, images)
        difference = (shared + rng.normal(0.3, 1, images)) - shared
        found = interval(weights @ difference / images, images)
        hits += found.low <= 0.3 <= found.high
    assert 0.93 <= hits / trials <= 0.97


def test_p_is_two_sided_and_never_zero() -> None:
    assert p_value(np.full(999, 1.0), 10) == pytest.approx(2 / 1000)
    assert p_value(np.array([-1.0, 1.0] * 500), 10) == 1.0


def test_fewer_than_ten_images_give_neither_interval_nor_p() -> None:
    values = np.linspace(1, 2, 1000)
    assert interval(values, 10).known
    assert not interval(values, 9).known
    assert p_value(values, 10) == pytest.approx(2 / 1001)
    assert math.isnan(p_value(values, 9))
    assert holm([0.01, math.nan, 0.04]) == pytest.approx([0.02, math.nan, 0.04], nan_ok=True)


def test_subsets_leave_out_a_fifth_of_the_images_and_stay_the_same() -> None:
    subsets = draw_subsets(98, 300, "set 1")
    assert (subsets.sum(axis=1) == 78).all()
    assert set(np.unique(subsets)) == {0, 1}
    assert abs(subsets.mean(axis=0) - 78 / 98).max() < 0.1, "every image is left out about as often"
    assert draw_subsets(5, 3, "streets").tolist() == draw_subsets(5, 3, "streets").tolist()
    assert draw_subsets(5, 50, "set 1").tolist() != draw_subsets(5, 50, "set 2").tolist()
    assert draw_subsets(1, 2, "one").tolist() == [[1], [1]]


def test_widened_values_have_the_standard_error_of_a_mean_and_its_place() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(7, 2, 100)
    subsets = draw_subsets(100, 20_000, "d")
    too_narrow = values.mean() + 3 + rng.normal(0, 0.01, 2000)
    too_narrow[5] = np.nan
    found = widen(too_narrow, values.mean(), subsets @ values / 80, 100)
    assert np.nanmean(found) == pytest.approx(values.mean())
    assert np.nanstd(found) == pytest.approx(values.std(ddof=1) / 10, rel=0.02), "s / sqrt(n)"
    assert np.isnan(found[5])
    wide = rng.normal(7, 5, 2000)
    assert np.ptp(widen(wide, 7.0, subsets @ values / 80, 100)) == pytest.approx(np.ptp(wide)), "never narrower"


def test_holm_by_hand() -> None:
    # 3 x 0.01, 2 x 0.02, 1 x 0.04, made to rise: 0.03, 0.04, 0.04
    assert holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_recovery_by_hand() -> None:
    found = recovery(np.array([3.0, 1.0, 5.0, 2.0]), np.array([1.0, 2.0, 1.0, 4.0]), np.array([5.0, 4.0, 5.0, 4.0]))
    assert found == pytest.approx([0.5, -0.5, 1.0, np.nan], nan_ok=True)


def test_rank_correlation_by_hand() -> None:
    rho, tau = rank_correlation(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 4, 3]))
    assert (rho, tau) == pytest.approx((0.8, 2 / 3))
    assert np.isnan(rank_correlation(np.array([1.0, 2, 3]), np.array([1.0, 1, 1]))[0])


def test_resampled_rank_correlations_are_those_of_repeated_pairs() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(0, 1, 15).round(1), rng.integers(0, 4, 15).astype(float)
    weights = draw_weights(15, 40, "set 1")
    weights[0] = [15, *[0] * 14]
    rho, tau = resample_rank_correlation(x, y, weights)
    assert np.isnan(rho[0])
    assert np.isnan(tau[0])
    for row in range(1, 40):
        repeated = np.repeat(np.arange(15), weights[row])
        expected = (
            stats.spearmanr(x[repeated], y[repeated]).statistic,
            stats.kendalltau(x[repeated], y[repeated]).statistic,
        )
        assert (rho[row], tau[row]) == pytest.approx(expected, abs=1e-12)


def test_rank_correlations_of_rows_are_scipys() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.integers(0, 5, (30, 6)).astype(float), rng.normal(0, 1, (30, 6))
    x[0] = 1.0
    y[1, 2] = np.nan
    rho, tau = row_rank_correlations(x, y)
    assert np.isnan([rho[0], tau[0], rho[1], tau[1]]).all()
    for row in range(2, 30):
        expected = stats.spearmanr(x[row], y[row]).statistic, stats.kendalltau(x[row], y[row]).statistic
        assert (rho[row], tau[row]) == pytest.approx(expected, abs=1e-12)


def test_interval_by_hand() -> None:
    found = interval(np.arange(101.0), 10)
    assert (found.low, found.high) == pytest.approx((2.5, 97.5))
    wide = interval(np.arange(101.0), 10, level=0.5)
    assert (wide.low, wide.high) == pytest.approx((25.0, 75.0))


def test_p_by_hand() -> None:
    # Of nine resamples two lie below zero, one is zero, six lie above: 3 reach zero from below, 7 from above.
    assert p_value(np.array([-2.0, -1, 0, 1, 2, 3, 4, 5, 6]), 10) == pytest.approx(2 * (3 + 1) / (9 + 1))
    assert p_value(-np.array([-2.0, -1, 0, 1, 2, 3, 4, 5, 6]), 10) == pytest.approx(2 * (3 + 1) / (9 + 1))
    assert p_value(np.array([np.nan, 1.0, 1.0, 1.0]), 10) == pytest.approx(2 / 4)
    assert p_value(np.full(999, -1.0), 10) == pytest.approx(2 / 1000)


def test_three_pairs_are_enough_for_a_rank_correlation_and_two_are_not() -> None:
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([1.0, 3, 2])) == pytest.approx((0.5, 1 / 3))
    assert np.isnan(rank_correlation(np.array([1.0, 2]), np.array([1.0, 2]))).all()
    assert np.isnan(rank_correlation(np.array([1.0, 1, 1]), np.array([1.0, 2, 3]))).all()


def test_a_row_with_a_number_missing_on_either_side_has_no_rank_correlation() -> None:
    whole, hole, endless = ([1.0, 2, 3, 4], [1.0, np.nan, 3, 4], [np.inf, 2, 3, 4])
    for pair in ((whole, hole), (hole, whole), (hole, hole), (whole, endless), (endless, whole)):
        x, y = (np.array([side, whole]) for side in pair)
        with np.errstate(invalid="ignore"):
            found = row_rank_correlations(x, y)
        np.testing.assert_array_equal(found, [[np.nan, 1], [np.nan, 1]])


def test_half_of_the_resamples_have_to_be_defined_and_two_at_least() -> None:
    nan = np.nan
    assert not interval(np.array([1.0]), 10).known
    assert not interval(np.array([1.0, nan]), 10).known
    assert interval(np.array([1.0, 2.0, nan, nan]), 10).known
    assert not interval(np.array([1.0, 2.0, nan, nan, nan, nan]), 10).known
    assert not interval(np.array([1.0, 2.0, 3.0, nan, nan, nan, nan]), 10).known


def test_no_corrected_p_is_above_one_and_small_ranges_correlate() -> None:
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert rank_correlation(np.array([0.0, 0.5, 1.0]), np.array([0.0, 1.0, 0.5])) == pytest.approx((0.5, 1 / 3))
