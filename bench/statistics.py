"""How sure is a number? Paired bootstrap over images, Holm's correction, recovery, rank correlation. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from bench.contract import FloatArray, IntArray

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A confidence interval."""

    low: float
    high: float


def draw_weights(images: int, resamples: int, seed: int) -> IntArray:
    """Draw bootstrap resamples of images.

    Args:
        images: N, how many images there are.
        resamples: R, how many resamples of N images each, drawn with replacement.
        seed: The same seed gives the same resamples on every machine.

    Returns:
        (R, N) int64: how often each image was drawn. Every row sums to N.
    """
    # Raw words of PCG64 are promised to stay; the multiply-shift maps them to 0..N-1.
    words = np.random.PCG64(seed).random_raw(resamples * images) >> np.uint64(32)
    chosen = ((words * np.uint64(images)) >> np.uint64(32)).astype(np.int64).reshape(resamples, images)
    rows = np.arange(resamples)[:, None] * images
    return np.bincount((rows + chosen).ravel(), minlength=resamples * images).reshape(resamples, images)


def interval(values: FloatArray, level: float = LEVEL) -> Interval | None:
    """Percentile interval of bootstrap values; undefined resamples (NaN) are left out.

    Returns:
        None if fewer than half of the resamples are defined.
    """
    defined = values[np.isfinite(values)]
    if len(defined) < max(2, len(values) / 2):
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def p_value(differences: FloatArray) -> float:
    """Two-sided bootstrap p of the hypothesis that a difference is zero.

    Twice the smaller share of resamples on either side of zero, with one added to both counts, so that R
    resamples never claim less than 2/(R+1) (Davison & Hinkley, Bootstrap Methods, 1997, section 4.4).
    """
    defined = differences[np.isfinite(differences)]
    tail = min(np.count_nonzero(defined <= 0), np.count_nonzero(defined >= 0))
    return float(min(1.0, 2 * (tail + 1) / (len(defined) + 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction of several p values (Holm, Scand. J. Statist. 6, 1979), in the given order."""
    order = np.argsort(p_values, kind="stable")
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


def recovery(derained: FloatArray, rain: FloatArray, clean: FloatArray) -> FloatArray:
    """Share of what the rain took that came back: (derained - rain) / (clean - rain).

    1 is the clean image, 0 the rain, less than 0 is harm. NaN where the rain took nothing.
    """
    lost = np.asarray(clean - rain, dtype=np.float64)
    gained = np.asarray(derained - rain, dtype=np.float64)
    return np.divide(gained, lost, out=np.full_like(gained, np.nan), where=lost != 0)


def rank_correlation(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Spearman's rho and Kendall's tau-b of paired values; NaN with fewer than three pairs or a constant side."""
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan"), float("nan")
    return float(stats.spearmanr(x, y).statistic), float(stats.kendalltau(x, y).statistic)
