"""Let derainers stand beside each other over finished runs: what each gives back, what it harms, who may be ranked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from bench.contract import Metric, Record
from bench.errors import UserError
from bench.io.training.origin import TrainedOn
from bench.runs.card import CARD, RunCard, described_in, read_card
from bench.runs.records import read_records, untrained_in
from bench.runs.rows import CLEAN, ON_CLEAN, kind_of
from bench.scoring.estimates import Estimate, Estimates, estimates_of
from bench.scoring.intervals import read_intervals
from bench.scoring.metrics import QUALITY, main_metrics, most_images
from bench.suites.suite import DatasetConfig, Suite, suite_of_card


@dataclass(frozen=True)
class Origin:
    """What is known of a row's weights.

    Attributes:
        words: What they were trained on, for people; empty if nobody says.
        trained: The same of a training whose card is here; None for others.
    """

    words: str = ""
    trained: TrainedOn | None = None

    @property
    def stated(self) -> bool:
        """Return True if all images of the training are told, of itself and of the weights that it began with."""
        return bool(self.words) and (self.trained is None or self.trained.whole)


@dataclass(frozen=True)
class FinishedRun:
    """A run folder as a ranking reads it."""

    root: Path
    card: RunCard
    suite: Suite
    records: Sequence[Record]
    estimates: Estimates

    @property
    def described(self) -> list[Metric]:
        """Metrics that tasks from outside describe in the card."""
        return described_in(self.card)

    @property
    def precision(self) -> str:
        """Precision in which derainers computed."""
        return str((self.card.numerics or {}).get("precision", "fp32"))


@dataclass(frozen=True)
class Place:
    """Where derainers are compared: one dataset under its rain, seen by one model, by its main metric.

    Attributes:
        run: The first run that has it.
        dataset: The dataset's name.
        task: The task's name.
        model: The task's model.
        metric: The task's main metric.
        unit: Its unit.
        records: Row to its score by the metric.
        runs: Row to the run that its numbers are from: the first that has the row here.
    """

    run: FinishedRun
    dataset: str
    task: str
    model: str
    metric: str
    unit: str
    records: Mapping[str, Record]
    runs: Mapping[str, FinishedRun]

    def estimate(self, row: str, metric: str) -> Estimate | None:
        """Give a row's score on the dataset by a metric, with its interval; None if it has none."""
        return self.runs[row].estimates.get((self.dataset, row, metric)) if row in self.runs else None

    @property
    def config(self) -> DatasetConfig:
        """The dataset as the suite has it."""
        return self.run.suite.datasets[self.dataset]

    @property
    def judge(self) -> str:
        """Fingerprint of the model that looks, with the digest of its weights in it."""
        return self.run.card.tasks[self.dataset][self.task].fingerprint

    @property
    def photographs(self) -> str:
        """Name of the photographs: that of their folder, or of the source that draws them."""
        return PurePosixPath(self.config.root).name or self.config.source

    @property
    def rain(self) -> str:
        """Name of the rain: of a preset, a renderer, or a published set of pairs."""
        return self.config.rain or str(self.config.parameters.get("set", ""))


@dataclass(frozen=True)
class Standing:
    """What one derainer does in one place.

    Attributes:
        estimate: Score and recovery, with their intervals.
        on_clean: The same on clean images that it restored; NaN if nobody tried.
        change: Score on clean images that it restored, less that on the clean images.
        saw_photographs: True if its weights were trained on photographs of this dataset.
        knows_rain: True if its weights were trained on this rain.
        knows_judge: True if its weights were trained to please the model that looks here.
        partial: True if its score rests on fewer images than others.
        ranked: True if it may be called better than another: its training is told and knew neither photographs nor
            judge, and its recovery rests on all images and has an interval.
        leads: True if it is the best that may be ranked, or its interval overlaps the best one's.
    """

    estimate: Estimate
    on_clean: Estimate
    change: float
    saw_photographs: bool
    knows_rain: bool
    knows_judge: bool
    partial: bool
    ranked: bool
    leads: bool = False


def finished_run(root: Path) -> FinishedRun:
    """Read one run folder.

    Raises:
        UserError: It holds no finished run, or a file is damaged or of another run.
    """
    card, records = read_card(root), read_records(root)
    suite = suite_of_card(card.suite, root / CARD)
    _check_same_run(root, card, suite, records)
    return FinishedRun(root, card, suite, records, estimates_of(records, read_intervals(root)))


def _check_same_run(root: Path, card: RunCard, suite: Suite, records: Sequence[Record]) -> None:
    for task, dataset in dict.fromkeys((record.task, record.dataset) for record in records):
        if dataset not in suite.datasets or dataset not in card.datasets or task not in card.tasks.get(dataset, {}):
            raise UserError(
                f"{root}: records.csv has numbers of task {task!r} on {dataset!r}, of which {CARD} says nothing; "
                "expected both files of one run. Run it again, or copy its whole folder"
            )


def places_of(runs: Sequence[FinishedRun]) -> list[Place]:
    """List the places of runs: every main metric of a task with a model, run by run and dataset by dataset.

    Runs whose numbers can be compared (equal protocol hashes, so equal images, rain and model) and whose derainers
    computed in equal precision share a place: a derainer stands beside those of an earlier run, which nobody has to
    run again.
    """
    found: dict[tuple[str, ...], Place] = {}
    for number, run in enumerate(runs):
        for (dataset, metric), scores in _scores_of(run).items():
            one = next(iter(scores.values()))
            comparable = (one.protocol_hash, run.precision) if one.protocol_hash else (str(number),)
            new = Place(run, dataset, one.task, one.model, metric, one.unit, scores, dict.fromkeys(scores, run))
            first = found.setdefault((dataset, metric, one.task, one.model, *comparable), new)
            joined = replace(first, records={**scores, **first.records}, runs={**new.runs, **first.runs})
            found[dataset, metric, one.task, one.model, *comparable] = joined
    return list(found.values())


def _scores_of(run: FinishedRun) -> dict[tuple[str, str], dict[str, Record]]:
    """Sort the scores of a run by dataset and main metric of a task with a model, and those by row."""
    found = {}
    for name in dict.fromkeys(record.dataset for record in run.records):
        own = [record for record in run.records if record.dataset == name and record.task != QUALITY]
        for metric in main_metrics(own, run.described):
            found[name, metric] = {record.derainer: record for record in own if record.metric == metric}
    return found


def standings(place: Place, origins: Mapping[str, Origin]) -> dict[str, Standing]:
    """Compare the derainers in one place; rain, clean images and random weights are none.

    Args:
        place: Where.
        origins: Row to what is known of its weights.
    """
    own = list(place.records.values())
    untrained, most = untrained_in(own), most_images(own)
    return _led(
        {
            record.derainer: _standing(place, record, origins.get(record.derainer, Origin()), most[place.metric])
            for record in own
            if kind_of(record.derainer, untrained) == "derainer"
        }
    )


def rows_of(runs: Sequence[FinishedRun]) -> list[str]:
    """List the derainers of all runs by the name that they have in each.

    Raises:
        UserError: A name stands for other weights in one run than in another.
    """
    weights: dict[str, tuple[FinishedRun, Mapping[str, str]]] = {}
    for run in runs:
        untrained = untrained_in(run.records)
        for row in dict.fromkeys(record.derainer for record in run.records):
            if kind_of(row, untrained) != "derainer":
                continue
            other, known = weights.setdefault(row, (run, run.card.weights.get(row, {})))
            if known != run.card.weights.get(row, {}):
                raise UserError(
                    f"{row} has other weights in {run.root} than in {other.root}; run one of them again, "
                    "or give the row another name there"
                )
    return list(weights)


def _standing(place: Place, record: Record, origin: Origin, most: int) -> Standing:
    row, trained, unknown = record.derainer, origin.trained, Estimate(math.nan, place.unit)
    own, on_clean, clean = (place.estimate(name, place.metric) or unknown for name in (row, ON_CLEAN + row, CLEAN))
    saw = trained is not None and trained.saw(place.photographs)
    led = trained is not None and any(digest in place.judge for digest in trained.guides)
    partial = record.images < most
    return Standing(
        estimate=own,
        on_clean=on_clean,
        change=on_clean.value - clean.value,
        saw_photographs=saw,
        knows_rain=trained is not None and place.rain in trained.rains,
        knows_judge=led,
        partial=partial,
        ranked=origin.stated and not (saw or led or partial) and math.isfinite(own.recovery_low),
    )


def _led(found: Mapping[str, Standing]) -> dict[str, Standing]:
    """Say who leads: the highest recovery of those that are ranked, and all whose interval overlaps its interval."""
    ranked = [one.estimate for one in found.values() if one.ranked]
    best = max(ranked, key=lambda estimate: estimate.recovery, default=None)
    return {
        row: replace(one, leads=one.ranked and best is not None and one.estimate.recovery_high >= best.recovery_low)
        for row, one in found.items()
    }
