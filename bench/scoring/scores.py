"""All numbers of a run in memory, and the run's result: its numbers beside what the work left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from bench.contract import ClassMeasure, Failure, FloatArray, Record
from bench.runs.result import WorkDone
from bench.runs.rows import Row
from bench.scoring.protocol_hash import ProtocolKey, ProtocolParts
from bench.scoring.slices import SliceMeasure
from bench.scoring.truth_ledger import TruthLine


@dataclass(frozen=True)
class PerClass:
    """One row of ``per_class.csv``."""

    dataset: str
    derainer: str
    task: str
    model: str
    measure: ClassMeasure


@dataclass(frozen=True)
class PartScores:
    """The numbers of one row on some of its images.

    Attributes:
        records: Metric to record.
        resamples: Main metric to its values on the bootstrap resamples, (resamples,) float64.
    """

    records: Mapping[str, Record]
    resamples: Mapping[str, FloatArray]


@dataclass
class Scores:
    """All numbers that follow from a run's evidence and labels, in the order of the suite.

    Attributes:
        records: One number a dataset, row, task and metric.
        per_image: Row to the measures of its images, as :mod:`bench.scoring.per_image` packs them.
        per_class: Measures of classes.
        judged: Row to the ids of the images that its numbers rest on.
        resamples: Row to main metric to its values on the bootstrap resamples, (resamples,) float64.
        common: Row and ids of the images that it shares with another row, fewer than its own, to its numbers on these.
        slices: Main metrics on groups of images.
        protocols: Dataset and task to what their numbers are comparable by.
        failures: Rows whose evidence is absent or damaged.
        truth: What becomes of every labelled object and pixel.
        unscored: Rows of tasks to which nothing of the truth is left.
        spent: Seconds of ``metrics`` and ``statistics``.
    """

    records: list[Record] = field(default_factory=list)
    per_image: dict[Row, pd.DataFrame] = field(default_factory=dict)
    per_class: list[PerClass] = field(default_factory=list)
    judged: dict[Row, Sequence[str]] = field(default_factory=dict)
    resamples: dict[Row, Mapping[str, FloatArray]] = field(default_factory=dict)
    common: dict[tuple[Row, frozenset[str]], PartScores] = field(default_factory=dict)
    slices: list[SliceMeasure] = field(default_factory=list)
    protocols: dict[ProtocolKey, ProtocolParts] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    truth: list[TruthLine] = field(default_factory=list)
    unscored: list[Failure] = field(default_factory=list)
    spent: dict[str, float] = field(default_factory=dict)

    def on(self, row: Row, ids: frozenset[str]) -> PartScores:
        """Look up the numbers of one row on some images: all of its own, or those that it shares with another."""
        if (row, ids) in self.common:
            return self.common[row, ids]
        own = [record for record in self.records if Row(record.dataset, record.derainer, record.task) == row]
        return PartScores({record.metric: record for record in own}, self.resamples.get(row, {}))


@dataclass(frozen=True)
class RunResult:
    """The result of a run: what the work left behind, and the numbers of all that is in the folder."""

    work: WorkDone
    scores: Scores

    @property
    def records(self) -> list[Record]:
        """One number a dataset, row, task and metric."""
        return self.scores.records

    @property
    def failures(self) -> list[Failure]:
        """Images that could not be rendered, restored, judged or scored."""
        return [*self.work.failures, *self.scores.failures, *self.scores.unscored]
