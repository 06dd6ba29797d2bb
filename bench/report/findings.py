"""Say in sentences what a run found: what the rain took, what each derainer recovers, which one does harm. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from bench.contract import Metric, Record
from bench.report.tables import headline_metrics, own_guide_in, percent, shown
from bench.runs.records import untrained_in
from bench.runs.rows import CLEAN, ON_CLEAN, RAIN, kind_of
from bench.scoring.estimates import Comparisons, Differences, Estimate, Estimates
from bench.scoring.metrics import QUALITY, main_metrics, most_images, signs_of
from bench.scoring.statistics import FEW_IMAGES, FEWEST_IMAGES

_POINTS = {"%": " points", "dB": " dB"}


@dataclass(frozen=True)
class Sentence:
    """One sentence of the page; those of tone ``harm`` are set apart."""

    text: str
    tone: Literal["plain", "harm"] = "plain"


def findings(
    records: Sequence[Record],
    estimates: Estimates,
    dataset: str,
    rows: Sequence[str],
    comparisons: Comparisons,
    described: Sequence[Metric] = (),
    has_clean: bool = True,
) -> list[Sentence]:
    """Say everything worth saying of one dataset, in sentences.

    Args:
        records: All records of the run.
        estimates: The same with intervals.
        dataset: Name of the dataset.
        rows: Names of the rows in order.
        comparisons: Every derainer against ``rain`` and every ``clean+NAME`` against ``clean``, where the run has
            resamples of both.
        described: Metrics of tasks from outside, from the run's card.
        has_clean: False where the dataset has no clean images to test harm on.
    """
    untrained, guided = untrained_in(records), own_guide_in(records, dataset)
    derainers = [row for row in rows if kind_of(row, untrained) == "derainer"]
    found: list[Sentence] = []
    for metric in metrics_of(records, dataset, described):
        models = {record.model for record in records if (record.dataset, record.metric) == (dataset, metric)}
        model = models.pop() if len(models) == 1 else "each row's own model"
        ranked = [row for row in derainers if (row, metric) not in guided]
        found += _recovered(estimates, dataset, metric, model, ranked, comparisons.get((CLEAN, RAIN), {}))
    harms = _harms(records, dataset, rows, comparisons, described)
    found += harms
    if not harms and any((row, RAIN) in comparisons for row in derainers):
        found.append(Sentence("No derainer's scores fall below the rain itself beyond chance."))
    few = max(most_images(record for record in records if record.dataset == dataset).values(), default=0)
    found += _untested(rows, derainers, comparisons, few < FEWEST_IMAGES, has_clean)
    if guided:
        own = dict.fromkeys(f"{r.derainer} ({r.task})" for r in records if (r.derainer, r.metric) in guided)
        found.append(Sentence(f"Judged by its own guide, so not ranked: {', '.join(own)}."))
    if shown_untrained := [row for row in rows if row in untrained]:
        found.append(Sentence(f"Untrained weights, so neither ranked nor plotted: {', '.join(shown_untrained)}."))
    return found


def metrics_of(records: Sequence[Record], dataset: str, described: Sequence[Metric] = ()) -> list[str]:
    """Choose the main metrics of one dataset: those of its vision tasks, or without any those of image quality."""
    return main_metrics([record for record in records if record.dataset == dataset], described)


def vision_metrics(records: Sequence[Record], dataset: str, described: Sequence[Metric] = ()) -> list[str]:
    """Choose the main metrics of one dataset's tasks beside image quality."""
    tasks = {record.metric: record.task for record in records if record.dataset == dataset}
    return [metric for metric in metrics_of(records, dataset, described) if tasks[metric] != QUALITY]


def _recovered(
    estimates: Estimates,
    dataset: str,
    metric: str,
    model: str,
    derainers: Sequence[str],
    losses: Differences,
) -> list[Sentence]:
    """Say how much one metric lost in the rain and how much each derainer recovers, the best first."""
    name = f"{metric} of {model}" if model else metric
    loss = losses.get((dataset, metric))
    rain, clean = (estimates.get((dataset, end, metric)) for end in (RAIN, CLEAN))
    if rain is None or clean is None:
        return []
    ends = f"from {_amount(clean.value, clean.unit)} to {_amount(rain.value, rain.unit)}"
    found = [Sentence(f"The rain takes {name} {ends}.")]
    if loss is not None and loss.uncertain:
        found = [Sentence(f"The rain moves {name} {ends}, which may be chance.")]
    back = [(row, e) for row in derainers if (e := estimates.get((dataset, row, metric))) and math.isfinite(e.recovery)]
    back.sort(key=lambda pair: -pair[1].recovery)
    if not back:
        return found
    best, others = back[0], back[1:]
    text = f"Of that loss {best[0]} brings back {_share(best[1])}"
    if others:
        text += "; " + ", ".join(f"{row} {_share(estimate)}" for row, estimate in others)
    return [*found, Sentence(text + ".")]


def _harms(
    records: Sequence[Record],
    dataset: str,
    rows: Sequence[str],
    comparisons: Comparisons,
    described: Sequence[Metric],
) -> list[Sentence]:
    found: list[Sentence] = []
    for row, reference in references(rows):
        if row in untrained_in(records):
            continue
        losses = _losses(records, dataset, comparisons.get((row, reference), {}), described)
        if losses and reference == RAIN:
            found.append(Sentence(f"{row} does harm: it is worse than the rain itself in {losses}.", "harm"))
        elif losses:
            name = row.removeprefix(ON_CLEAN)
            text = f"{name} harms images without rain: the clean images are worse after it in {losses}."
            found.append(Sentence(text, "harm"))
    return found


def _losses(records: Sequence[Record], dataset: str, differences: Differences, described: Sequence[Metric] = ()) -> str:
    """List the headline metrics whose difference lies on the wrong side of 0; empty if there are none.

    The main metrics come with their numbers, the others by name.
    """
    lost: dict[str, str] = {}
    signs = signs_of(record for record in records if record.dataset == dataset)
    for metric in headline_metrics(records, dataset, described):
        one, sign, unit = differences.get((dataset, metric)), signs[metric], _unit(records, metric)
        if one is None or max(sign * one.low, sign * one.high) >= 0:
            continue
        size, *ends = (shown(n, unit, -1) for n in (abs(one.value), *sorted((abs(one.low), abs(one.high)))))
        where = f", on {one.images} of {one.expected} images" if one.images < one.expected else ""
        lost[metric] = f"{metric} by {size}{_POINTS.get(unit, '')} ({ends[0]} to {ends[1]}{where})"
    told = [metric for metric in metrics_of(records, dataset, described) if metric in lost]
    others = [metric for metric in lost if metric not in told]
    if not told:
        told, others = others[:2], others[2:]
    text = _joined([lost[metric] for metric in told]) if told else ""
    return text + (f", also in {_joined(others)}" if others else "")


def rank_agreement(correlations: pd.DataFrame, dataset: str, metrics: Sequence[str]) -> list[Sentence]:
    """Say how far PSNR ranks the derainers of one dataset as the tasks do (Spearman's rho).

    Args:
        correlations: ``correlations.csv``, or an empty table.
        dataset: Which dataset.
        metrics: The tasks' main metrics.
    """
    if correlations.empty:
        return []
    chosen = correlations[(correlations["dataset"] == dataset) & (correlations["over"] == "derainers")]
    return [
        Sentence(
            f"Over {int(one['n'])} rows, rain among them, the order by psnr_y and the order by {one['score']} have "
            f"Spearman's rho {one['spearman']:.2f} (1: the same order, 0: none)."
        )
        for one in chosen.to_dict("records")
        if one["quality"] == "psnr_y" and one["score"] in metrics and one["n"] > 3 and math.isfinite(one["spearman"])
    ]


def _untested(
    rows: Sequence[str], derainers: Sequence[str], comparisons: Comparisons, few: bool, has_clean: bool
) -> list[Sentence]:
    if not derainers:
        return []
    found: list[Sentence] = []
    if not any((row, RAIN) in comparisons for row in derainers):
        why = FEW_IMAGES if few else "no resamples of both rows"
        found.append(Sentence(f"Whether a derainer does worse than the rain was not tested: {why}."))
    if has_clean and (missing := [row for row in derainers if ON_CLEAN + row not in rows]):
        wanted = _joined([ON_CLEAN + row for row in missing])
        text = f"Not tested: harm to images without rain, by {_joined(missing)}. It takes the rows {wanted}."
        found.append(Sentence(text))
    return found


def references(rows: Sequence[str]) -> list[tuple[str, str]]:
    """Pair every row with the control row that it must not fall below: ``clean`` for harm tests, else ``rain``."""
    pairs = [(row, CLEAN if kind_of(row) == "harm test" else RAIN) for row in rows if row not in (RAIN, CLEAN)]
    return [(row, reference) for row, reference in pairs if reference in rows]


def _unit(records: Sequence[Record], metric: str) -> str:
    return next((record.unit for record in records if record.metric == metric), "")


def _amount(value: float, unit: str) -> str:
    return shown(value, unit) + (f" {unit}" if unit else "")


def _share(estimate: Estimate) -> str:
    ends = (estimate.recovery_low, estimate.recovery_high)
    interval = " ({} to {} %)".format(*map(percent, ends)) if all(map(math.isfinite, ends)) else ""
    return f"{percent(estimate.recovery)} %{interval}"


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
