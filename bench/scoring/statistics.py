"""Compute bootstrap intervals and p values over images, Holm's correction, recovery and rank correlations. Pure."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from bench.contract import FloatArray, IntArray

LEVEL = 0.95
"""Share of the resamples inside every interval that a run writes."""
FEWEST_IMAGES = 10
"""Resamples of fewer images say less than they seem to: there is no interval and no p."""
FEW_IMAGES = f"no intervals and no p values on fewer than {FEWEST_IMAGES} images"
"""The same for people."""
_PAIRS_AT_ONCE, _RESAMPLES_AT_ONCE = 2**16, 50
"""Bound memory: of N images there are N * N pairs, in each of R resamples."""


@dataclass(frozen=True)
class Interval:
    """A confidence interval; both ends are NaN where it is unknown."""

    low: float = math.nan
    high: float = math.nan

    @property
    def known(self) -> bool:
        """Return True where both ends are numbers."""
        return math.isfinite(self.low) and math.isfinite(self.high)


def draw_weights(images: int, resamples: int, dataset: str) -> IntArray:
    """Draw bootstrap resamples of the images of one dataset.

    Args:
        images: N, how many images there are.
        resamples: R, how many resamples of N images each, drawn with replacement.
        dataset: Name of the dataset, whose CRC-32 is the seed: every row of a dataset gets the same resamples, on
            every machine, so that rows are compared in pairs.

    Returns:
        (R, N): how often each image was drawn; int16 where that can hold N, because there are many, else int32.
        Every row sums to N.
    """
    generator = np.random.PCG64(zlib.crc32(dataset.encode()))
    smallest = np.int16 if images <= np.iinfo(np.int16).max else np.int32
    weights = np.empty((resamples, images), dtype=smallest)
    for row in weights:  # one by one, so that nothing but the result is as large as the result
        # Raw words of PCG64 are promised to stay; the multiply-shift maps them to 0..N-1.
        words = generator.random_raw(images) >> np.uint64(32)
        chosen = ((words * np.uint64(images)) >> np.uint64(32)).astype(np.int64)
        row[:] = np.bincount(chosen, minlength=images)
    return weights


def draw_subsets(images: int, subsets: int, dataset: str) -> IntArray:
    """Draw subsets of the images of one dataset, each without a random fifth of them; see :func:`widen`.

    Args:
        images: N, how many images there are.
        subsets: R, how many subsets.
        dataset: Name of the dataset, whose CRC-32 is the seed, as in :func:`draw_weights`.

    Returns:
        (R, N) int16: 1 for an image that is in the subset, 0 for one that is left out.
    """
    generator = np.random.PCG64(zlib.crc32(dataset.encode()))
    weights = np.ones((subsets, images), dtype=np.int16)
    for row in weights:
        row[np.argsort(generator.random_raw(images), kind="stable")[: _left_out(images)]] = 0
    return weights


def _left_out(images: int) -> int:
    return min(max(1, round(images / 5)), images - 1)


def widen(resampled: FloatArray, value: float, of_subsets: FloatArray, images: int) -> FloatArray:
    """Make the bootstrap values of a mean over classes scatter as much as the mean does from dataset to dataset.

    A class that is in one image only is, in a resample with replacement, either absent or the same however often it is
    drawn: too little scatter, and too high on average. The values are moved so that their mean is the number itself,
    and widened to the standard error of the delete-a-fifth jackknife, which such a class does not deceive (Shao & Wu,
    Annals of Statistics 17, 1989). ``derainbench perf coverage`` measures how often such intervals hold the truth.

    Args:
        resampled: (R,) the number on every bootstrap resample; NaN where it is undefined.
        value: The number on all images.
        of_subsets: (S,) the number on every subset of :func:`draw_subsets`.
        images: N, of how many images the subsets were drawn.

    Returns:
        (R,) values, in the unit of the number; never less scattered than before.
    """
    drawn, subsets = (values[np.isfinite(values)] for values in (resampled, of_subsets))
    if images < 2 or len(subsets) < 2 or not (scatter := float(np.std(drawn)) if len(drawn) else 0.0):
        return resampled
    error = math.sqrt((images - _left_out(images)) / _left_out(images)) * float(np.std(subsets))
    found: FloatArray = value + max(1.0, error / scatter) * (resampled - drawn.mean())
    return found


def interval(values: FloatArray, images: int, level: float = LEVEL) -> Interval:
    """Compute the percentile interval of one number's bootstrap values; undefined resamples (NaN) are left out.

    Args:
        values: (R,) the number on every resample.
        images: How many images the number rests on.
        level: Share of the resamples inside the interval, in (0, 1).

    Returns:
        The interval, in the unit of the values; unknown on fewer than ten images, or if fewer than half of the
        resamples, or fewer than two, are defined.
    """
    defined = values[np.isfinite(values)]
    if images < FEWEST_IMAGES or len(defined) < max(2, len(values) / 2):
        return Interval()
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def p_value(differences: FloatArray, images: int) -> float:
    """Compute the two-sided bootstrap p value of the hypothesis that one difference is zero.

    Twice the smaller share of resamples on either side of zero, with one added to both counts, so that R
    resamples never claim less than 2/(R+1) (Davison & Hinkley, Bootstrap Methods, 1997, section 4.4).

    Args:
        differences: (R,) the difference on every resample; NaN is left out.
        images: How many images the difference rests on.

    Returns:
        The p value; NaN on fewer than ten images.
    """
    if images < FEWEST_IMAGES:
        return math.nan
    defined = differences[np.isfinite(differences)]
    tail = min(np.count_nonzero(defined <= 0), np.count_nonzero(defined >= 0))
    return float(min(1.0, 2 * (tail + 1) / (len(defined) + 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct several p values by Holm's step-down method (Holm, Scand. J. Statist. 6, 1979), in the given order.

    What is not known (NaN) is no test: it stays so and makes the correction no stricter.
    """
    order = [index for index in np.argsort(p_values, kind="stable") if not math.isnan(p_values[index])]
    corrected = [math.nan] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


def recovery(derained: FloatArray, rain: FloatArray, clean: FloatArray) -> FloatArray:
    """Compute the recovery of a score, element by element: (derained - rain) / (clean - rain).

    Args:
        derained: (N,) the score after a derainer.
        rain: (N,) the score on the rainy images.
        clean: (N,) the score on the clean images.

    Returns:
        (N,) ratios: 1 is as good as the clean images, 0 as bad as the rain, less than 0 is harm. NaN where rain and
        clean are equal.
    """
    lost = np.asarray(clean - rain, dtype=np.float64)
    gained = np.asarray(derained - rain, dtype=np.float64)
    return np.divide(gained, lost, out=np.full_like(gained, np.nan), where=lost != 0)


def rank_correlation(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Compute Spearman's rho and Kendall's tau-b of N paired values.

    Args:
        x: (N,) values.
        y: (N,) values.

    Returns:
        Both in [-1, 1]; NaN with fewer than three pairs or where one side is constant.
    """
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan"), float("nan")
    return float(stats.spearmanr(x, y).statistic), float(stats.kendalltau(x, y).statistic)


def resample_rank_correlation(x: FloatArray, y: FloatArray, weights: IntArray) -> tuple[FloatArray, FloatArray]:
    """Compute the rank correlations of N pairs on every bootstrap resample, as exactly as if pairs were repeated.

    The numbers are those of :func:`rank_correlation`.

    Args:
        x: (N,) values.
        y: (N,) values.
        weights: (R, N), how often each pair is in each resample.

    Returns:
        Spearman's rho and Kendall's tau-b, (R,) each; NaN where a resample leaves one side constant.
    """
    parts = [
        _rank_correlations(x, y, weights[start : start + _RESAMPLES_AT_ONCE].astype(np.float64))
        for start in range(0, max(1, len(weights)), _RESAMPLES_AT_ONCE)
    ]
    rho, tau = (np.concatenate(values) for values in zip(*parts, strict=True))
    return rho, tau


def _rank_correlations(x: FloatArray, y: FloatArray, drawn: FloatArray) -> tuple[FloatArray, FloatArray]:
    rank_x, rank_y = np.empty_like(drawn), np.empty_like(drawn)
    concordant, untied_x, untied_y = (np.zeros(len(drawn)) for _ in range(3))
    for start in range(0, len(x), step := max(1, _PAIRS_AT_ONCE // max(1, len(x)))):
        part = slice(start, start + step)
        above_x, above_y = (np.sign(values[part, None] - values[None, :]) for values in (x, y))
        # Half the drawn pairs below less half those above: the mid-rank, but for a constant that correlation ignores.
        rank_x[:, part], rank_y[:, part] = drawn @ above_x.T, drawn @ above_y.T
        for total, pairs in ((concordant, above_x * above_y), (untied_x, above_x**2), (untied_y, above_y**2)):
            total += ((drawn @ pairs.T) * drawn[:, part]).sum(axis=1)
    rho = _normalised(drawn, rank_x * rank_y, rank_x**2, rank_y**2)
    tau = _quotient(concordant, np.sqrt(untied_x * untied_y))
    return rho, tau


def row_rank_correlations(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Compute the rank correlations of every row of two arrays; made for few columns.

    The numbers are those of :func:`rank_correlation`.

    Args:
        x: (R, D) values.
        y: (R, D) values.

    Returns:
        Spearman's rho and Kendall's tau-b, (R,) each; NaN where one side of the row is constant or not finite.
    """
    above_x, above_y = (np.sign(values[:, :, None] - values[:, None, :]) for values in (x, y))
    rank_x, rank_y = above_x.sum(axis=2), above_y.sum(axis=2)
    ones = np.ones_like(x)
    rho = _normalised(ones, rank_x * rank_y, rank_x**2, rank_y**2)
    concordant, untied_x, untied_y = (
        pairs.sum(axis=(1, 2)) for pairs in (above_x * above_y, np.abs(above_x), np.abs(above_y))
    )
    tau = _quotient(concordant, np.sqrt(untied_x * untied_y))
    return rho, tau


def _normalised(drawn: FloatArray, both: FloatArray, left: FloatArray, right: FloatArray) -> FloatArray:
    both, left, right = ((drawn * part).sum(axis=1) for part in (both, left, right))
    return _quotient(both, np.sqrt(left * right))


def _quotient(part: FloatArray, whole: FloatArray) -> FloatArray:
    found: FloatArray = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return found
