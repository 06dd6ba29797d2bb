"""Build what the page shows of a run's pictures, labels and evidence: galleries and precision-recall curves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.protocols import Dataset, Task
from bench.report.curves import curves_of
from bench.report.evidence import EvidenceStyle, find_styles
from bench.report.figures import precision_recall
from bench.report.gallery import Gallery, GallerySource, ImageScores, build_gallery, choose_images, image_scores
from bench.report.plots import Plot
from bench.report.run import ReadRun
from bench.runs.records import read_table
from bench.runs.rows import Row, kind_of
from bench.scoring.per_image import read_measures


@dataclass(frozen=True)
class OpenedDataset:
    """One dataset of a run, opened for its pictures.

    Attributes:
        name: Its name in the run.
        dataset: None where it cannot be opened.
        tasks: Name to task, of those asked about it; None where the task's package is not installed.
        reason: Why it cannot be opened.
    """

    name: str
    dataset: Dataset | None
    tasks: Mapping[str, Task | None] = field(default_factory=dict)
    reason: str = ""


def build_pictures(
    run: ReadRun, datasets: Iterable[OpenedDataset], images: int, budget: int
) -> tuple[list[Gallery], dict[str, list[Plot]]]:
    """Build the gallery and the precision-recall plots of every dataset.

    Args:
        run: The run.
        datasets: Its datasets in order; consumed one by one, because labels are large.
        images: Number of images in all galleries together.
        budget: Most bytes of all galleries together.

    Returns:
        Galleries, empty ones with a reason; and dataset to plots.
    """
    galleries: list[Gallery] = []
    plots: dict[str, list[Plot]] = {}
    scores = _scores(run)
    count = len(run.card.datasets)
    for index, opened in enumerate(datasets):
        if opened.dataset is None:
            reason = opened.reason.replace(f"{run.store.root}/", "")
            galleries.append(Gallery(opened.name, {}, (), of=run.card.datasets[opened.name], reason=reason))
            continue
        styles = find_styles(run.store, opened.dataset, opened.name, run.rows, opened.tasks)
        found = (_precision_recall(run, opened.dataset, opened.name, style) for style in styles)
        plots[opened.name] = [plot for plot in found if plot]
        source = GallerySource(run.store, opened.dataset, opened.name, _labels(run), styles, scores[opened.name])
        left = budget - sum(gallery.bytes for gallery in galleries)
        chosen = _choose(run, source, -(-images // count))
        galleries.append(build_gallery(source, chosen, left // (count - index)))
    return galleries, plots


def _scores(run: ReadRun) -> dict[str, ImageScores]:
    """Read the scores of single images by dataset; the table of all measures is gone before labels are read."""
    measures = read_measures(run.store.root)
    return {name: image_scores(measures, name) for name in run.card.datasets}


def _precision_recall(run: ReadRun, dataset: Dataset, name: str, style: EvidenceStyle) -> Plot | None:
    if style.matcher is None:
        return None
    rows = [Row(name, row, style.task) for row in run.ranked if kind_of(row) != "harm test"]
    curves = curves_of(run.store, dataset, rows, style.matcher)
    return precision_recall(f"Precision and recall, {style.task}", style.matcher.overlap, curves) if curves else None


def _labels(run: ReadRun) -> dict[str, str]:
    """Name the derainers of a run for the gallery; those of random weights say so."""
    derainers = [row for row in run.rows if kind_of(row) == "derainer"]
    return {row: row if row in run.ranked else f"{row} (untrained)" for row in derainers}


def _choose(run: ReadRun, source: GallerySource, most: int) -> list[str]:
    trained = [row for row in source.derainers if row in run.ranked]
    first = _disagreeing(run.store.root, source.name, most // 4)
    return choose_images(source.scores, trained, source.dataset.ids, most, first)


def _disagreeing(root: Path, dataset: str, most: int) -> list[str]:
    """Read the images where image quality and task disagree most; none where the run has not looked for them."""
    frame = read_table(root / "disagreements.csv")
    if frame.empty:
        return []
    chosen = frame[frame["dataset"] == dataset].sort_values("rank", kind="stable")
    return list(dict.fromkeys(str(image_id) for image_id in chosen["image"]))[:most]
