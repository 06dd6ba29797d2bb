"""One task on one dataset of a run: the evidence, labels and rules with which its rows are scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from bench.contract import Evidence, Truth
from bench.protocols import Dataset, Task
from bench.runs.card import TaskCard
from bench.runs.folder import LazyMapping, RunStore
from bench.runs.rows import CLEAN, Row


@dataclass(frozen=True)
class TaskOnDataset:
    """One task on one dataset of a run: all that its rows are scored with.

    Attributes:
        store: The run folder, which has the evidence.
        name: The task's name in the run.
        rules: The task's card: its rules, and the models that judge the rows.
        task: Knows how to score; no model is loaded.
        dataset: Gives the labels.
        chosen: Ids of all images that the dataset should have, in order.
        judged: Row to the ids of the images that have the run's evidence, in the dataset's order.
    """

    store: RunStore
    name: str
    rules: TaskCard
    task: Task
    dataset: Dataset
    chosen: Sequence[str]
    judged: Mapping[Row, Sequence[str]]

    def model_of(self, row: Row) -> str:
        """Name the model that judged a row, as tables show it."""
        found = self.rules.judge_of(row.derainer)
        return found.model if found else ""

    def evidence(self, row: Row, ids: Sequence[str]) -> Mapping[str, Evidence]:
        """Map ids to a row's evidence, read from the disk when asked for."""
        return LazyMapping(ids, partial(self.store.read_evidence, row))

    def truths(self, ids: Sequence[str]) -> Mapping[str, Truth]:
        """Map ids to labels, read from the disk when asked for."""
        return LazyMapping(ids, self.dataset.truth)

    def judged_with_clean(self, row: Row) -> list[str]:
        """List the images of a row that have evidence in the row ``clean``, too."""
        clean = set(self.judged.get(replace(row, derainer=CLEAN), ()))
        return [id for id in self.judged[row] if id in clean]

    def beside_clean(
        self, row: Row, ids: Sequence[str]
    ) -> tuple[Mapping[str, Evidence], Mapping[str, Evidence], Mapping[str, Truth]]:
        """Map ids to a row's evidence, to that of the clean images, and to the labels."""
        return self.evidence(row, ids), self.evidence(replace(row, derainer=CLEAN), ids), self.truths(ids)
