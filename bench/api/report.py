"""Write the report page of a finished run: tables, plots and the gallery of its pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.api.verify import recorded_task
from bench.contract import Classes
from bench.devices import give_back_memory
from bench.errors import UserError
from bench.io.files import write_text
from bench.protocols import Task
from bench.report.html import render_page
from bench.report.page import make_page
from bench.report.pictures import OpenedDataset, build_pictures
from bench.report.run import ReadRun, read_run
from bench.runs.card import TaskCard
from synth.datasets.dataset import open_dataset

IMAGES = 24
"""Images in the gallery, of all datasets together, if nothing else is asked for."""

MEGABYTES = 15.0
"""Most that the pictures may take; with tables and plots the page stays under 20 MB."""


@dataclass(frozen=True)
class ReportFile:
    """The written page of a run.

    Attributes:
        path: The file.
        size: Its size in bytes.
        shown: Number of images that it shows.
        images: Number of images of the run.
    """

    path: Path
    size: int
    shown: int
    images: int


def write_report(
    run: Path, out: Path | None = None, *, images: int = IMAGES, megabytes: float = MEGABYTES
) -> ReportFile:
    """Write the page of a run as one HTML file that needs no network; needs no model.

    A task whose package is not installed is drawn all the same, without colours for right and wrong.

    Examples:
        >>> from pathlib import Path
        >>> from bench.api import write_report
        >>> write_report(Path("run1"), images=2).shown
        2

    Args:
        run: The run folder.
        out: The file; None is ``report.html`` in the run folder.
        images: Number of images in the gallery, of all datasets together; 0 for no gallery.
        megabytes: Most that their pictures may take.

    Raises:
        UserError: There is no finished run, or a file of it is damaged.
    """
    give_back_memory()  # what is left of a run that ended just now does not fit what is read here
    content = read_run(run)
    datasets = (_open(content, name) for name in content.card.datasets)
    galleries, curves = build_pictures(content, datasets, images, int(megabytes * 1e6))
    text = render_page(make_page(content, galleries, curves))
    path = out or run / "report.html"
    write_text(path, text)
    shown = sum(len(gallery.images) for gallery in galleries)
    return ReportFile(path, len(text.encode("utf-8")), shown, sum(content.card.datasets.values()))


def _open(run: ReadRun, name: str) -> OpenedDataset:
    """Open one dataset of a run, and build the tasks asked about it without their models."""
    try:
        dataset = open_dataset(run.store.data_folder(name))
    except UserError as error:
        return OpenedDataset(name, None, reason=str(error))
    cards = run.card.tasks.get(name, {})
    return OpenedDataset(name, dataset, {task: _build(task, card, dataset.classes) for task, card in cards.items()})


def _build(name: str, card: TaskCard, classes: Classes) -> Task | None:
    """Build a task from the scoring in the run's card; None where its package is absent or of another version."""
    try:
        return recorded_task(name, card, classes)
    except UserError:
        return None
