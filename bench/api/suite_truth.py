"""Tell before a run what its tasks will not score of a dataset's labels, for the data doctor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bench.contract import Classes, Truth
from bench.errors import UserError
from bench.protocols import AccountsForTruth
from bench.scoring.truth_ledger import TruthLine, excluded_lines
from bench.suites.suite import Suite
from synth.sources.findings import Finding
from tasks import TASKS


class SuiteTruth:
    """The truth of one dataset of a suite, counted by what its tasks make of it.

    Args:
        suite: The suite.
        dataset: Name of the dataset.
        classes: The classes of its source.
    """

    def __init__(self, suite: Suite, dataset: str, classes: Classes) -> None:
        self._dataset = dataset
        self._tasks: dict[str, AccountsForTruth] = {}
        self._counts: dict[str, Counter[tuple[str, str]]] = {}
        self._unknown: dict[str, str] = {}
        for name in suite.datasets[dataset].tasks or suite.tasks:
            try:
                task = TASKS.load(TASKS.named(name))(suite.tasks[name], classes)
            except UserError as error:
                self._unknown[name] = str(error)
                continue
            if isinstance(task, AccountsForTruth):
                self._tasks[name], self._counts[name] = task, Counter()

    def add(self, truth: Truth) -> None:
        """Count the labels of one image."""
        for name, task in self._tasks.items():
            self._counts[name].update(task.account(truth))

    def findings(self) -> Iterator[Finding]:
        """Name what the tasks leave out of all labels that were added, and tasks that cannot be asked."""
        lines = [
            TruthLine(self._dataset, name, task.counted, fate, label, count)
            for name, task in self._tasks.items()
            for (fate, label), count in self._counts[name].items()
        ]
        yield from (Finding("excluded", "", text) for text in excluded_lines(lines))
        for name, why in self._unknown.items():
            yield Finding("excluded", "", f"{name} on {self._dataset}: what it scores is not known: {why}")
