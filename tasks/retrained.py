"""Judge every row by a model of its own, retrained on that row's images: a protocol beside the frozen one.

The frozen protocol asks one model of all rows; this one asks each row's own. The rules of scoring are the same, so the
metrics are those of the frozen task, with the rule ``retrained`` in their names: the two never share a column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from bench.contract import Evidence, FloatArray, IntArray, Metric, Options, Parameters, Summary, Truth
from bench.errors import UserError
from bench.io.metrics import metrics_of, parse_metric
from bench.protocols import AccountsForTruth, Judge, Resampling, Task
from tasks.settings import fingerprint

RULE = "retrained"
"""What the metrics' names carry, as in ``AP:retrained``."""
_ENDING = f"-{RULE}"


def retrained_name(task: str) -> str:
    """Name the retrained protocol of one task in a run: ``detection-retrained``."""
    return task + _ENDING


def frozen_name(task: str) -> str:
    """Name the task whose retrained protocol has this name: the registered one."""
    return task.removesuffix(_ENDING)


@dataclass(frozen=True)
class RetrainedTask:
    """A task that judges the rows that have a model of their own, each by that model, and no other row.

    Attributes:
        frozen: The task by whose rules all rows are scored.
        by_row: Row to the task with the row's own model; empty where a finished run is scored again.
    """

    frozen: Task
    by_row: Mapping[str, Task] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        """The frozen task's name with an ending."""
        return retrained_name(self.frozen.name)

    @property
    def version(self) -> str:
        """Version of the scoring: the frozen task's."""
        return self.frozen.version

    @property
    def model(self) -> str:
        """Every row with the short name of its model."""
        return ", ".join(f"{row}: {task.model}" for row, task in self.by_row.items())

    @property
    def protocol(self) -> str:
        """Scoring rules in one line: whose models they are, then the frozen task's rules."""
        return f"retrained: each row judged by a model trained on its own images; {self.frozen.protocol}"

    @property
    def needs(self) -> frozenset[Literal["clean", "boxes", "masks", "label_map"]]:
        """As the frozen task."""
        return self.frozen.needs

    @property
    def fingerprint(self) -> str:
        """Models, weights and settings of all rows."""
        return fingerprint(retrained={row: task.fingerprint for row, task in self.by_row.items()})

    @property
    def scoring(self) -> Parameters:
        """Parameters of the frozen task that scores in the same way."""
        return self.frozen.scoring

    @property
    def metrics(self) -> Sequence[Metric]:
        """Describe the frozen task's metrics under their names here."""
        return [
            replace(one, name=_renamed(one.name), meaning=f"{one.meaning}; by a model trained on the row's own images")
            for one in metrics_of(self.frozen.name)
        ]

    def judge(self, options: Options) -> Judge:
        """Refuse: no single model judges all rows.

        Raises:
            UserError: Always; the rows' own tasks judge.
        """
        raise UserError(f"task {self.name}: has a model a row ({', '.join(self.by_row)}), none for all")

    def summarise(self, evidence: Mapping[str, Evidence], truths: Mapping[str, Truth]) -> Summary:
        """Compute the frozen task's numbers, under their names here."""
        found = self.frozen.summarise(evidence, truths)
        return Summary(
            tuple(replace(one, metric=_renamed(one.metric)) for one in found.measures),
            tuple(replace(one, metric=_renamed(one.metric)) for one in found.per_image),
            tuple(replace(one, metric=_renamed(one.metric)) for one in found.per_class),
        )

    def resample(
        self, evidence: Mapping[str, Evidence], truths: Mapping[str, Truth], weights: IntArray
    ) -> Mapping[str, FloatArray]:
        """Compute the frozen task's metrics of every resample; none if it cannot."""
        if not isinstance(self.frozen, Resampling):
            return {}
        found = self.frozen.resample(evidence, truths, weights)
        return {_renamed(metric): values for metric, values in found.items()}

    @property
    def counted(self) -> Literal["objects", "pixels"]:
        """As the frozen task counts its truth."""
        return self._accounting.counted

    @property
    def scored_names(self) -> Sequence[str]:
        """List the names of the scored classes."""
        return self._accounting.scored_names

    def account(self, truth: Truth, /) -> Mapping[tuple[str, str], int]:
        """Count the labels of one image by what becomes of them, and by class."""
        return self._accounting.account(truth)

    @property
    def _accounting(self) -> AccountsForTruth:
        if not isinstance(self.frozen, AccountsForTruth):
            raise TypeError(f"task {self.frozen.name} does not account for its truth")
        return self.frozen


def retrained_task(by_row: Mapping[str, Task]) -> RetrainedTask:
    """Put the rows' own tasks together into one.

    Args:
        by_row: Row to the task with the row's own model; at least one.

    Raises:
        UserError: The task has no model or does not account for its truth, or two of the models are not scored alike,
            because they see other classes.
    """
    (first, frozen), *others = by_row.items()
    if not frozen.model or not isinstance(frozen, AccountsForTruth):
        raise UserError(f"retrained.{frozen.name}: the task has no model that could be retrained; leave it out")
    for row, task in others:
        if (_rules(task), task.protocol) != (_rules(frozen), frozen.protocol):
            raise UserError(
                f"retrained.{frozen.name}: the models of {first} ({frozen.model}) and {row} ({task.model}) are not "
                "scored by the same rules; give models of one network that see the same classes"
            )
    return RetrainedTask(frozen, by_row)


def _rules(task: Task) -> Parameters:
    return {name: value for name, value in task.scoring.items() if name != "model"}


def _renamed(metric: str) -> str:
    """Write the name of a frozen task's metric with the rule: ``precision@0.25/0.60:retrained[car]``."""
    parts = parse_metric(metric)
    return parts.with_rule(f"{parts.rule}+{RULE}" if parts.rule else RULE)
