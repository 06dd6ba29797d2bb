"""Find where derainers of finished runs can be compared: datasets under one rain, seen by one model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bench.contract import Metric, Record
from bench.errors import UserError
from bench.runs.card import CARD, RunCard, described_in, read_card
from bench.runs.records import read_records, untrained_in
from bench.runs.rows import CLEAN, ON_CLEAN, RAIN, kind_of
from bench.scoring.estimates import Estimate, Estimates, estimates_of
from bench.scoring.intervals import read_intervals
from bench.scoring.metrics import QUALITY, main_metrics
from bench.scoring.verification import TOLERANCE
from bench.suites.suite import DatasetConfig, Suite, suite_of_card


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

    @property
    def arithmetic(self) -> str:
        """That precision, and whether the derainers were compiled."""
        return self.precision + (" compiled" if (self.card.numerics or {}).get("compile") else "")

    def weights(self, row: str) -> Mapping[str, str]:
        """Give the digests of a row's weights by file, of a harm test those of its derainer; empty if it has none."""
        return self.card.weights.get(row, self.card.weights.get(row.removeprefix(ON_CLEAN), {}))


@dataclass(frozen=True)
class Place:
    """Where one run compares derainers: a dataset under its rain, seen by one model, by its main metric.

    Attributes:
        run: The run.
        dataset: The dataset's name.
        task: The task's name.
        model: The task's model.
        metric: The task's main metric.
        unit: Its unit.
        records: Row to its score by the metric; rows with random weights are left out.
    """

    run: FinishedRun
    dataset: str
    task: str
    model: str
    metric: str
    unit: str
    records: Mapping[str, Record]

    def estimate(self, row: str, metric: str) -> Estimate | None:
        """Give a row's score on the dataset by a metric, with its interval; None if it has none."""
        return self.run.estimates.get((self.dataset, row, metric)) if row in self.records else None

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

    @property
    def quality_hash(self) -> str:
        """Protocol hash of image quality on the dataset; empty if nobody measured it."""
        own = (one for one in self.run.records if (one.dataset, one.task) == (self.dataset, QUALITY))
        return next((one.protocol_hash for one in own), "")

    @property
    def baseline(self) -> int:
        """On how many images recoveries rest at most: the fewest of the rain's and the clean images' scores."""
        return min((self.records[row].images for row in (RAIN, CLEAN) if row in self.records), default=0)


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


def places_of(runs: Sequence[FinishedRun]) -> list[list[Place]]:
    """List the places of runs, run by run and dataset by dataset, those together that can be compared.

    That is so where dataset and model have the same names, the hashes of the protocols are equal (so images, rain,
    model and rules are), and derainers computed in the same precision: then a derainer stands beside those of an
    earlier run, which nobody has to run again.

    Raises:
        UserError: A row of two runs in one place has no weights, and not the same score: nothing tells that it is one.
    """
    found: dict[tuple[str, ...], list[Place]] = {}
    for number, run in enumerate(runs):
        for place in _places_of_run(run):
            hashed = next(iter(place.records.values())).protocol_hash or str(number)
            key = (place.dataset, place.metric, place.task, place.model, hashed, run.arithmetic)
            found.setdefault(key, []).append(place)
    for places in found.values():
        _check_rows(places)
    return list(found.values())


def first_of(places: Sequence[Place]) -> dict[str, Place]:
    """Map every row to the place whose numbers of it count: the first that has the row."""
    return {row: place for place in reversed(places) for row in place.records}


def _places_of_run(run: FinishedRun) -> list[Place]:
    found = []
    untrained = untrained_in(run.records)
    for name in dict.fromkeys(record.dataset for record in run.records):
        own = [one for one in run.records if one.dataset == name and one.task != QUALITY]
        trained = [one for one in own if one.derainer not in untrained]
        for metric in main_metrics(own, run.described):
            records = {one.derainer: one for one in trained if one.metric == metric}
            if one := next(iter(records.values()), None):
                found.append(Place(run, name, one.task, one.model, metric, one.unit, records))
    return found


def _check_rows(places: Sequence[Place]) -> None:
    first = first_of(places)
    for place in places:
        for row, record in place.records.items():
            known = first[row].records[row].value
            if row in (RAIN, CLEAN) or place.run.weights(row) or abs(known - record.value) <= TOLERANCE:
                continue
            raise UserError(
                f"{row} has {record.metric} {record.value:.2f} on {record.dataset} in {place.run.root}, {known:.2f} in "
                f"{first[row].run.root}, and no weights tell if it is one derainer; run one of them again, or give the "
                "row another name there"
            )


def rows_of(runs: Sequence[FinishedRun]) -> list[str]:
    """List the derainers of all runs by the name that they have in each.

    Raises:
        UserError: A name, of a derainer or of its harm test, stands for other weights in one run than in another.
    """
    first: dict[str, FinishedRun] = {}
    found: dict[str, None] = {}
    for run in runs:
        untrained = untrained_in(run.records)
        for row in dict.fromkeys(record.derainer for record in run.records):
            if kind_of(row, untrained) not in ("derainer", "harm test"):
                continue
            derainer = row.removeprefix(ON_CLEAN)
            other = first.setdefault(derainer, run)
            if run.weights(row) != (other.weights(derainer) or other.weights(ON_CLEAN + derainer)):
                raise UserError(
                    f"{row} has other weights in {run.root} than in {other.root}; run one of them again, "
                    "or give the row another name there"
                )
            if row == derainer:
                found[row] = None
    return list(found)
