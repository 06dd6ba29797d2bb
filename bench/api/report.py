"""Write the report page of a finished run: tables, plots and the gallery of its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from bench.contract import Classes, Detections, Instances
from bench.errors import UserError
from bench.io.files import write_text
from bench.protocols import Dataset
from bench.report.curves import curves_of
from bench.report.figures import precision_recall
from bench.report.gallery import Gallery, build_gallery, choose_images, image_scores
from bench.report.html import render_page
from bench.report.layers import Matched, Sight
from bench.report.page import _page
from bench.report.plots import Plot
from bench.report.run import ReadRun, read_run
from bench.runs.card import TaskCard
from bench.runs.records import read_table
from bench.runs.rows import kind_of
from bench.scoring.per_image import read_measures

IMAGES = 24
"""Images in the gallery, of all datasets together, if nothing else is asked for."""


MEGABYTES = 15.0
"""Most that the pictures may take; with tables and plots the page stays under 20 MB."""


@dataclass(frozen=True)
class Report:
    """What was written: the file, its size in bytes, and how many images it shows of how many."""

    path: Path
    size: int
    shown: int
    images: int


def write_report(run: Path, out: Path | None = None, *, images: int = IMAGES, megabytes: float = MEGABYTES) -> Report:
    """Write the page of a run.

    Args:
        run: The run folder.
        out: The file; None is ``report.html`` in the run folder.
        images: How many images the gallery shows, of all datasets together; 0 for no gallery.
        megabytes: Most that their pictures may take.

    Raises:
        UserError: There is no finished run, or a file of it is damaged.
    """
    found = read_run(run)
    galleries, curves = _look(found, images, int(megabytes * 1e6))
    text = render_page(_page(found, galleries, curves))
    path = out or run / "report.html"
    write_text(path, text)
    shown = sum(len(gallery.images) for gallery in galleries)
    return Report(path, len(text.encode("utf-8")), shown, sum(found.card.datasets.values()))


def _look(run: ReadRun, images: int, budget: int) -> tuple[list[Gallery], dict[str, list[Plot]]]:
    """What needs pictures, labels and evidence: galleries and precision-recall curves, dataset by dataset."""
    from synth.datasets.dataset import open_dataset

    galleries: list[Gallery] = []
    curves: dict[str, list[Plot]] = {}
    frame = read_measures(run.store.root)
    names = list(run.card.datasets)
    for index, name in enumerate(names):
        try:
            dataset = open_dataset(run.store.data_folder(name))
            drawn = sights_of(run, name, dataset.classes)
        except UserError as error:
            reason = str(error).replace(f"{run.store.root}/", "")
            galleries.append(Gallery(name, {}, (), of=run.card.datasets[name], reason=reason))
            continue
        curves[name] = [plot for sight in drawn if sight.match and (plot := _curves(run, dataset, name, sight))]
        left = budget - sum(gallery.bytes for gallery in galleries)
        share, most = left // (len(names) - index), -(-images // len(names))
        galleries.append(_gallery(run, dataset, name, drawn, frame, most, share))
    return galleries, curves


def _curves(run: ReadRun, dataset: Dataset, name: str, sight: Sight) -> Plot | None:
    rows = [row for row in run.ranked if kind_of(row) != "harm test"]
    curves = curves_of(run.store, dataset, name, rows, sight)
    return precision_recall(f"Precision and recall, {sight.task}", sight.overlap, curves) if curves else None


def _gallery(
    run: ReadRun, dataset: Dataset, name: str, sights: Sequence[Sight], frame: pd.DataFrame, most: int, budget: int
) -> Gallery:
    derainers = [row for row in run.rows if kind_of(row) == "derainer"]
    scores = image_scores(frame, name)
    trained = [row for row in derainers if row in run.ranked]
    chosen = choose_images(scores, trained, dataset.ids, most, _disagreeing(run.store.root, name, most // 4))
    labels = {row: row if row in trained else f"{row} (untrained)" for row in derainers}
    return build_gallery(run.store, dataset, name, labels, sights, scores, chosen, budget)


def _disagreeing(root: Path, dataset: str, most: int) -> list[str]:
    """Images where image quality and task disagree most, where the run has looked for them."""
    frame = read_table(root / "disagreements.csv")
    if frame.empty:
        return []
    chosen = frame[frame["dataset"] == dataset].sort_values("rank", kind="stable")
    return list(dict.fromkeys(str(id) for id in chosen["image"]))[:most]


def sights_of(run: ReadRun, dataset: str, classes: Classes) -> list[Sight]:
    """How the evidence of a dataset's tasks is drawn, those of vision."""
    sights = [_sight(task, card, classes) for task, card in run.card.tasks.get(dataset, {}).items()]
    return [sight for sight in sights if sight]


def _sight(task: str, card: TaskCard, classes: Classes) -> Sight | None:
    """How the evidence of a task is drawn; None for what is no picture, such as image quality."""
    if task == "semantic":
        return Sight(task)
    scoring = card.scoring
    if classes.instances is None or not {"score", "overlap", "classes"} <= set(scoring):
        return None
    names = scoring["classes"]
    space = classes.instances
    ids = tuple(
        id for id, name in zip(space.ids, space.names, strict=True) if isinstance(names, tuple) and name in names
    )
    score, overlap = float(str(scoring["score"])), float(str(scoring["overlap"]))
    return Sight(task, partial(_match, task == "instances", ids, overlap), score, overlap)


def _match(masks: bool, class_ids: tuple[int, ...], overlap: float, seen: Detections, truth: Instances) -> Matched:
    """Match as the task itself does."""
    from tasks.detection.matching import match
    from tasks.detection.objects import keep_detections, scorable
    from tasks.detection.summary import label
    from tasks.detection.task import overlaps_of_boxes
    from tasks.instances.task import overlaps_of_masks

    known = keep_detections(seen, np.isin(seen.class_ids, class_ids))
    there, _ = scorable(truth, class_ids)
    matching = match(label(known, there, overlaps_of_masks if masks else overlaps_of_boxes), overlap)
    return Matched(known, matching.partner >= 0, matching.ignored, there)
