"""Correlate image quality with what a model sees, and find the images where the two disagree most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from bench.contract import FloatArray, Record
from bench.runs.rows import RAIN, Row, kind_of
from bench.scoring.metrics import QUALITY, sign_of
from bench.scoring.statistics import (
    draw_weights,
    interval,
    rank_correlation,
    resample_rank_correlation,
    row_rank_correlations,
)

CORRELATION_RESAMPLES = 200
"""Resamples of a correlation over images at most: there are many correlations."""
MOST_DISAGREEMENTS = 10
FEWEST_PAIRS = 3

CORRELATION_COLUMNS = [
    "dataset", "over", "derainer", "task", "model", "quality", "score", "spearman", "spearman_low", "spearman_high",
    "kendall", "kendall_low", "kendall_high", "n",
]  # fmt: skip
DISAGREEMENT_COLUMNS = [
    "dataset", "derainer", "task", "model", "image", "quality", "score", "quality_gain", "score_gain", "rank",
]  # fmt: skip


def correlation_frame(
    images: pd.DataFrame,
    records: Sequence[Record],
    resamples: Mapping[Row, Mapping[str, FloatArray]],
    count: int,
) -> pd.DataFrame:
    """Make ``correlations.csv``: rank correlations of every image quality with every task score.

    Over ``images`` of one derainer, over the ``gains`` of its images on the rain, and over ``derainers``, by their
    values in the table, of those that have all images. The clean images and what is restored from them are left out:
    they are no derainers' work.

    Args:
        images: ``per_image.csv``.
        records: The run's records.
        resamples: Bootstrap values of every row, paired.
        count: Resamples of the run; 0 for no intervals.
    """
    wide = _by_image(images)
    rows = [
        row
        for dataset, task, quality, score in _questions(wide, records)
        for row in (
            *_over_images(wide, dataset, task, quality, score, count),
            *_over_derainers(records, resamples, dataset, task, quality, score),
        )
    ]
    models = _models(records)
    found = [{**row, "model": models[str(row["dataset"]), str(row["task"]), str(row["derainer"])]} for row in rows]
    return pd.DataFrame(found, columns=CORRELATION_COLUMNS)


def disagreement_frame(images: pd.DataFrame, records: Sequence[Record]) -> pd.DataFrame:
    """Make ``disagreements.csv``: images that came nearest to the clean one, while the model saw less than in the rain.

    The images are in the order of the difference of two ranks among all images: that of the gain in quality, and that
    of the gain in score. The quality is the first of the run, PSNR of Y as a rule. Gains are written as differences of
    values; where lower values are better, the lower difference is the greater gain.
    """
    wide = _by_image(images)
    models = _models(records)
    signs = {(record.task, record.metric): sign_of(record.better) for record in records}
    found: list[dict[str, object]] = []
    for dataset, task, quality, score in _questions(wide, records, first_quality=True):
        for derainer in _derainers(wide, dataset):
            gains = _gains(wide, dataset, derainer, (QUALITY, quality), (task, score))
            if gains is None:
                continue
            closer, seen = signs[QUALITY, quality] * gains["quality"], signs[task, score] * gains["score"]
            gap = closer.rank() - seen.rank()
            worst = gap[(closer > 0) & (seen < 0)].sort_values(ascending=False, kind="stable")
            for rank, image in enumerate(worst.index[:MOST_DISAGREEMENTS], start=1):
                found.append({
                    "dataset": dataset, "derainer": derainer, "task": task, "model": models[dataset, task, derainer],
                    "image": image, "quality": quality, "score": score,
                    "quality_gain": gains["quality"][image], "score_gain": gains["score"][image], "rank": rank,
                })  # fmt: skip
    return pd.DataFrame(found, columns=DISAGREEMENT_COLUMNS)


_Wide = Mapping[tuple[str, str], pd.DataFrame]


def _models(records: Sequence[Record]) -> dict[tuple[str, str, str], str]:
    """Map dataset, task and derainer to the model that judged it; with no derainer, to those of all, each once."""
    found = {(record.dataset, record.task, record.derainer): record.model for record in records}
    every: dict[tuple[str, str, str], dict[str, None]] = {}
    for (dataset, task, _), model in found.items():
        every.setdefault((dataset, task, ""), {})[model] = None
    return found | {place: ", ".join(names) for place, names in every.items()}


def _by_image(images: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """Map (dataset, derainer) to a table with one row an image and a column for every (task, metric)."""
    packed = images.assign(**{name: _by_letters(images[name]) for name in ("image", "task", "metric")})
    found = {}
    for (dataset, derainer), rows in packed.groupby(["dataset", "derainer"], sort=False, observed=True):
        table = rows.pivot_table(index="image", columns=["task", "metric"], values="value", observed=True)
        table.index = table.index.astype(str)
        table.columns = pd.MultiIndex.from_arrays(
            [table.columns.get_level_values(level).astype(str) for level in (0, 1)]
        )
        found[str(dataset), str(derainer)] = table
    return found


def _by_letters(texts: pd.Series) -> pd.Series:
    """Pack texts as categories in the order of their letters: as strings, a run's measures would take tens of MB."""
    packed = texts.astype("category")
    return packed.cat.reorder_categories(sorted(packed.cat.categories))


def _questions(
    wide: _Wide, records: Sequence[Record], first_quality: bool = False
) -> Iterator[tuple[str, str, str, str]]:
    """Pair every quality with every score that single images have and that rank: (dataset, task, quality, score)."""
    ranking = {(record.dataset, record.task, record.metric) for record in records if record.better}
    for dataset in dict.fromkeys(dataset for dataset, _ in wide):
        there: set[object] = {pair for name in _derainers(wide, dataset) for pair in wide[dataset, name].columns}
        # The clean row has no PSNR: were it the first of the records, another quality would come first.
        ordered = dict.fromkeys(
            (record.task, record.metric)
            for record in records
            if record.dataset == dataset and _shows_rain(record.derainer)
        )
        pairs = [pair for pair in ordered if pair in there and (dataset, *pair) in ranking]
        qualities = [metric for task, metric in pairs if task == QUALITY]
        for task, metric in pairs:
            if task != QUALITY:
                for quality in qualities[:1] if first_quality else qualities:
                    yield dataset, task, quality, metric


def _shows_rain(name: str) -> bool:
    """Return True for the rain and the derainers: a row made of the clean images is no derainer's work on rain."""
    return kind_of(name) in ("rain", "derainer")


def _derainers(wide: _Wide, dataset: str) -> list[str]:
    return [derainer for place, derainer in wide if place == dataset and _shows_rain(derainer)]


def _over_images(
    wide: _Wide, dataset: str, task: str, quality: str, score: str, count: int
) -> Iterator[dict[str, object]]:
    for derainer in _derainers(wide, dataset):
        place = {"dataset": dataset, "derainer": derainer, "task": task, "quality": quality, "score": score}
        frame = wide[dataset, derainer]
        if {(QUALITY, quality), (task, score)} <= set(frame.columns):
            pairs = frame[[(QUALITY, quality), (task, score)]].dropna().to_numpy()
            yield {**place, "over": "images", **_of_pairs(pairs, dataset, count)}
        gains = _gains(wide, dataset, derainer, (QUALITY, quality), (task, score))
        if gains is not None:
            yield {**place, "over": "gains", **_of_pairs(gains.to_numpy(), dataset, count)}


def _gains(
    wide: _Wide, dataset: str, derainer: str, quality: tuple[str, str], score: tuple[str, str]
) -> pd.DataFrame | None:
    """Subtract the rain's quality and score from those of every image; None for the rain itself or without it."""
    if derainer == RAIN or (dataset, RAIN) not in wide:
        return None
    ours, rain = wide[dataset, derainer], wide[dataset, RAIN]
    if not all(pair in frame for pair in (quality, score) for frame in (ours, rain)):
        return None
    gains = {"quality": ours[quality] - rain[quality], "score": ours[score] - rain[score]}
    return pd.DataFrame(gains).dropna()


def _of_pairs(pairs: FloatArray, dataset: str, count: int) -> dict[str, object]:
    x, y = pairs[:, 0], pairs[:, 1]
    rho, tau = rank_correlation(x, y)
    found: dict[str, object] = {"spearman": rho, "kendall": tau, "n": len(x)}
    if count and np.isfinite(rho):
        weights = draw_weights(len(x), min(count, CORRELATION_RESAMPLES), dataset)
        found |= _ends(*resample_rank_correlation(x, y, weights), len(x))
    return found


def _over_derainers(
    records: Sequence[Record],
    resamples: Mapping[Row, Mapping[str, FloatArray]],
    dataset: str,
    task: str,
    quality: str,
    score: str,
) -> Iterator[dict[str, object]]:
    known = {(r.derainer, r.task, r.metric): r for r in records if r.dataset == dataset}
    pairs = {
        name: (known[name, QUALITY, quality], known[name, task, score])
        for name in dict.fromkeys(name for name, _, _ in known)
        if _shows_rain(name) and {(name, QUALITY, quality), (name, task, score)} <= known.keys()
    }
    # Rows that lack images are not compared with rows that have them.
    most = [max((pair[side].images for pair in pairs.values()), default=0) for side in (0, 1)]
    both = [name for name, pair in pairs.items() if [one.images for one in pair] == most]
    if len(both) < FEWEST_PAIRS:
        return
    x, y = (np.array([pairs[name][side].value for name in both]) for side in (0, 1))
    rho, tau = rank_correlation(x, y)
    found: dict[str, object] = {"spearman": rho, "kendall": tau, "n": len(both)}
    drawn = [
        [resamples.get(Row(dataset, name, kind), {}).get(metric) for name in both]
        for kind, metric in ((QUALITY, quality), (task, score))
    ]
    if all(part is not None for parts in drawn for part in parts):
        sides = [np.stack([part for part in parts if part is not None], axis=1) for parts in drawn]
        found |= _ends(*row_rank_correlations(*sides), min(most))
    yield {
        "dataset": dataset, "over": "derainers", "derainer": "", "task": task, "quality": quality, "score": score,
        **found,
    }  # fmt: skip


def _ends(rho: FloatArray, tau: FloatArray, images: int) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, values in (("spearman", rho), ("kendall", tau)):
        ends = interval(values, images)
        found |= {f"{name}_low": ends.low, f"{name}_high": ends.high}
    return found
