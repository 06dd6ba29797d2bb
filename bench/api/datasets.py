"""Build and verify datasets, examine folders of photographs, and download those of COCO.

Rain and drawn scenes for looking at are in :mod:`bench.api.rain`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import pandas as pd

from bench.api.suite_truth import SuiteTruth
from bench.contract import Failure, Options
from bench.errors import UserError
from bench.io.lock import locked, refuse_links
from bench.protocols import Dataset, DatasetBuilder, Source
from bench.runner.loaders import DatasetLoader
from bench.runner.outcome import Outcome
from bench.runner.processes import local_engine
from bench.runner.progress import Progress, Silent
from bench.runner.runner import Runner
from bench.runner.workload import DatasetWork, Workload
from bench.runs.folder import RunStore
from bench.runs.rows import Row
from bench.suites.suite import DatasetConfig, Suite, resolve_roots
from synth import SOURCES
from synth.datasets.build import open_builder
from synth.datasets.dataset import open_dataset, verify
from synth.datasets.fetch import fetch_coco
from synth.datasets.recipe import Recipe
from synth.sources.doctor import OfferedSource, examine, sources_in
from synth.sources.findings import HARMLESS, Finding
from tasks.classes import classes_alike


@dataclass(frozen=True)
class BuilderLoader:
    """Loader of one dataset's builder, for whatever process needs it."""

    recipe: Recipe
    folder: Path

    def __call__(self) -> DatasetBuilder:
        """Open the builder."""
        return open_builder(self.recipe, self.folder)

    def __hash__(self) -> int:
        """Of what is hashable; equality compares everything."""
        return hash((self.recipe.name, self.folder))


def recipe_of(name: str, config: DatasetConfig, root: Path | None) -> Recipe:
    """Convert a suite's settings of one dataset to the recipe that the builder takes."""
    return Recipe(
        name=name,
        source=config.source,
        root=root,
        parameters=dict(config.parameters),
        rain=config.rain,
        rain_parameters=dict(config.rain_parameters),
        severity=config.severity,
        seed=config.seed,
        count=config.count,
        size=config.size,
        objects=config.objects,
        only=config.only,
        without=config.without,
        share=config.share,
    )


def build_dataset(
    name: str,
    config: DatasetConfig,
    root: Path | None,
    folder: Path,
    workers: int = 1,
    rebuild: bool = False,
    progress: Progress | None = None,
) -> tuple[Dataset, list[Failure]]:
    """Build a dataset into a folder; what is there under the right key is not rendered again.

    Examples:
        >>> from pathlib import Path
        >>> from bench.api import build_dataset, load_suite, override
        >>> suite = override(load_suite("streets"), count=2)
        >>> dataset, failures = build_dataset("streets", suite.datasets["streets"], None, Path("streets"))
        >>> len(dataset.ids), failures
        (2, [])

    Returns:
        The finished dataset, and the images that could not be rendered.

    Raises:
        UserError: The source cannot be opened, or nothing could be rendered.
    """
    work = DatasetWork(
        name, BuilderLoader(recipe_of(name, config, root), folder), DatasetLoader(open_dataset, folder), {}
    )
    runner = Runner(
        Workload((work,), (), Options()),
        RunStore(folder),
        local_engine(workers),
        progress or Silent(),
        existing="rebuild" if rebuild else "reuse",
    )
    with locked(folder.parent, f".{folder.name}.lock"):  # beside it: in the folder is nothing but the dataset
        refuse_links(folder)
        done = runner.build()
    return done.datasets[name], done.failures


def verify_dataset(folder: Path) -> Sequence[Failure]:
    """Decode every file of a built dataset and compare it with the manifest."""
    return verify(open_dataset(folder))


@dataclass(frozen=True)
class Examination:
    """What the data doctor found.

    Attributes:
        sources: What was read: source, images.
        faults: What has to be mended: fault, image, detail.
        notes: What is worth knowing: the same columns.
    """

    sources: pd.DataFrame
    faults: pd.DataFrame
    notes: pd.DataFrame


def examine_folder(
    kind: Literal["coco", "bdd", "data"], folder: Path, progress: Progress | None = None, published: str = ""
) -> Examination:
    """Name every fault of one folder of photographs.

    Args:
        kind: ``coco``, ``bdd`` or ``data`` (pairs, images with masks, images alone).
        folder: The folder.
        progress: Told about every image.
        published: Published set of pairs that the folder is; empty to try them all.

    Raises:
        UserError: Nothing could be opened; the message says what was expected.
    """
    return _examine([(offered, None) for offered in sources_in(kind, folder, published)], progress or Silent())


def examine_suite(suite: Suite, roots: Mapping[str, Path], progress: Progress | None = None) -> Examination:
    """Name every fault of the photographs of one suite, read as a run reads them: by the same readers and parameters.

    What the suite's tasks will not score is a note, such as objects of classes that the model cannot see.
    Datasets that are drawn by a program have no photographs to examine.

    Raises:
        UserError: A folder or label file is absent or is something else.
    """
    sources: list[tuple[OfferedSource, SuiteTruth | None]] = []
    for name, root in resolve_roots(suite, roots).items():
        config = suite.datasets[name]
        if root is not None:
            source: Source = SOURCES.load(SOURCES.find(config.source))(root, dict(config.parameters))
            offered = OfferedSource(f"{name} ({config.source})", source)
            sources.append((offered, SuiteTruth(suite, name, source.classes)))
    if not sources:
        raise UserError(f"suite {suite.name} reads no photographs: its datasets are drawn by programs")
    return _examine(sources, progress or Silent())


def _examine(sources: Sequence[tuple[OfferedSource, SuiteTruth | None]], watch: Progress) -> Examination:
    found: list[Finding] = []
    for offered, truth in sources:
        watch.begin("examine", len(offered.source.ids), 0)
        tell = partial(_tell, watch, Row(offered.source.name))
        found += examine(offered.source, tell, truth.add if truth else None)
        found += truth.findings() if truth else []
        if (space := offered.source.classes.instances) is not None:
            found += [Finding("classes alike", "", text) for text in classes_alike(space)]
    table = pd.DataFrame([vars(finding) for finding in found], columns=["fault", "image", "detail"])
    harmless = table["fault"].isin(HARMLESS)
    examined = [{"source": offered.label, "images": len(offered.source.ids)} for offered, _ in sources]
    return Examination(pd.DataFrame(examined), table[~harmless], table[harmless])


def fetch_photographs(config: DatasetConfig, root: Path, progress: Progress | None = None) -> list[Failure]:
    """Download the photographs of COCO that a dataset chooses, and their labels, into a folder.

    Returns:
        Photographs that could not be had.

    Raises:
        UserError: The dataset is not made of COCO, or the labels cannot be had.
    """
    if config.source != "coco":
        raise UserError(f"--fetch knows COCO only; the photographs of {config.source!r} have to be got by hand")
    watch = progress or Silent()
    watch.begin("fetch", config.count or 0, 0)
    _, failures = fetch_coco(
        root, recipe_of("fetch", config, root).policy, after_image=partial(_tell, watch, Row("coco"))
    )
    return list(failures)


def _tell(progress: Progress, row: Row, id: str) -> None:
    progress.advance(Outcome(row, id, 0.0))
