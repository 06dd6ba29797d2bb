"""Read evidence for the page, and decide how it is drawn: by its type and by the protocols of its task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.contract import Classes, ClassSpace, Detections, Evidence
from bench.errors import ImageError
from bench.protocols import Dataset, Drawable, Task
from bench.runs.folder import RunStore
from bench.runs.rows import Row

LEAST_SCORE = 0.25
"""Least score of a drawn detection of tasks that name none: hundreds of boxes would hide the image."""


@dataclass(frozen=True)
class EvidenceStyle:
    """How the evidence of one task on one dataset is drawn.

    Attributes:
        task: The task's name in the run.
        space: Classes of the objects or of the label maps.
        shows: Boxes of objects; boxes and masks of objects; or label maps.
        matcher: The task, where it tells right detections from wrong ones; None draws them in one colour.
    """

    task: str
    space: ClassSpace
    shows: Literal["boxes", "masks", "classes of pixels"]
    matcher: Drawable | None = None

    @property
    def least_score(self) -> float:
        """Give the least score of a detection that is drawn."""
        return LEAST_SCORE if self.matcher is None else self.matcher.score

    @property
    def label(self) -> str:
        """Name the style in the page's list of layers."""
        return f"{self.shows} ({self.task})"


def find_styles(
    store: RunStore, dataset: Dataset, name: str, rows: Sequence[str], tasks: Mapping[str, Task | None]
) -> list[EvidenceStyle]:
    """Find the style of every task whose evidence can be drawn; image quality has none.

    Args:
        store: The run folder.
        dataset: The opened dataset.
        name: The dataset's name in the run.
        rows: Derainers and control rows of the run.
        tasks: Name to task; None where the task's package is not installed.
    """
    styles: list[EvidenceStyle] = []
    for task_name, task in tasks.items():
        evidence = _first_evidence(store, [Row(name, row, task_name) for row in rows], dataset.ids)
        style = _style_of(task_name, task, evidence, dataset.classes)
        styles += [style] if style else []
    return styles


def read_evidence(store: RunStore, row: Row, image_id: str, size: tuple[int, int]) -> Evidence | None:
    """Read the evidence of one image; None where it is absent or damaged, or its masks are not ``size`` (H, W)."""
    try:
        evidence = store.read_evidence(row, image_id)
    except ImageError:
        return None
    masks = evidence.masks if isinstance(evidence, Detections) else None
    return evidence if all(tuple(mask["size"]) == size for mask in masks or ()) else None


def _style_of(name: str, task: Task | None, evidence: Evidence | None, classes: Classes) -> EvidenceStyle | None:
    if isinstance(evidence, np.ndarray) and classes.labels is not None:
        return EvidenceStyle(name, classes.labels, "classes of pixels")
    if not isinstance(evidence, Detections) or classes.instances is None:
        return None
    masks = evidence.masks is not None or (task is not None and "masks" in task.needs)
    return EvidenceStyle(
        name, classes.instances, "masks" if masks else "boxes", task if isinstance(task, Drawable) else None
    )


def _first_evidence(store: RunStore, rows: Sequence[Row], image_ids: Sequence[str]) -> Evidence | None:
    """Read the first evidence of a task that is there and whole; None if there is none."""
    for row in rows:
        if not store.evidence_folder(row).is_dir():
            continue
        for image_id in image_ids:
            try:
                return store.read_evidence(row, image_id)
            except ImageError:
                continue
    return None
