"""Refuse what needs clean images where the rain is real, before any work: nothing comes out empty without a reason."""

from __future__ import annotations

from collections.abc import Sequence

from bench.api.derainers import NamedRow
from bench.contract import REAL_RAIN
from bench.errors import UserError
from bench.protocols import Task
from bench.runs.rows import CLEAN
from bench.scoring.metrics import QUALITY
from bench.suites.suite import Suite
from tasks.quality.metrics import NO_REFERENCE


def refuse_clean_rows_of(suite: Suite, rows: Sequence[NamedRow]) -> None:
    """Refuse rows of clean images in a suite that says of a dataset that its rain is real.

    Raises:
        UserError: There is such a row.
    """
    for name, dataset in suite.datasets.items():
        if dataset.rain == REAL_RAIN:
            refuse_clean_rows(name, rows)


def refuse_clean_rows(dataset: str, rows: Sequence[NamedRow]) -> None:
    """Refuse rows of clean images, because one dataset has none.

    Raises:
        UserError: There is such a row.
    """
    if found := next((row.name for row in rows if row.on_clean or row.name == CLEAN), None):
        raise UserError(
            f"row {found}: dataset {dataset} has no clean images, because its rain is real. Leave the row out "
            "(--derainers) and see 'derainbench table RUN --gain' for what each derainer gains over the row rain; "
            "datasets with clean images want a suite of their own"
        )


def refuse_task_on_clean(dataset: str, task: Task) -> None:
    """Refuse a task that compares with the clean images, because one dataset has none.

    Raises:
        UserError: The task needs them.
    """
    if "clean" not in task.needs:
        return
    without = ", ".join(f'"{metric}"' for metric in sorted(NO_REFERENCE))
    instead = f", or ask it for what needs none: metrics = [{without}]" if task.name == QUALITY else ""
    raise UserError(
        f"task {task.name}: dataset {dataset} has no clean images to compare with, because its rain is real. Leave the "
        f"task out (--tasks, or tasks = [...] of this dataset in the suite){instead}"
    )
