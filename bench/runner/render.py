"""The stage that renders rain onto photographs, into the dataset folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import ClassVar

from bench.protocols import DatasetBuilder
from bench.runner.loaders import Loader, kept_data
from bench.runner.outcome import Outcome, StageName
from bench.runner.plan import Step
from bench.runner.stage_job import StageJob
from bench.runs.rows import Row
from bench.runs.shards import Shard

RenderJob = StageJob[Loader[DatasetBuilder]]
"""Its work is what opens the dataset's builder."""


@dataclass(frozen=True)
class RenderStage:
    """Rendering of a run.

    Attributes:
        loaders: Dataset to what opens its builder.
        builders: Dataset to its builder, opened.
        missing: Dataset to the images that its folder lacks.
        shard: Which of the images are this run's.
    """

    name: ClassVar[StageName] = "render"
    loaders: Mapping[str, Loader[DatasetBuilder]]
    builders: Mapping[str, DatasetBuilder]
    missing: Mapping[str, frozenset[str]]
    shard: Shard

    def rows(self) -> list[tuple[Row, Sequence[str]]]:
        """List every dataset and its images of this shard."""
        return [(Row(name), self.shard.part(builder.ids)) for name, builder in self.builders.items()]

    def on_card(self, row: Row, /) -> bool:
        """Return False: rain is drawn by processors."""
        return False

    def is_done(self, row: Row, id: str, /) -> bool:
        """Return True if the image is in the dataset folder, rendered from what it would be rendered from."""
        return id not in self.missing[row.dataset]

    def is_there(self, row: Row, id: str, /) -> bool:
        """Return False: a rendered image is always replaced when its rain changes."""
        return False

    def job(self, step: Step, /) -> RenderJob:
        """Make the job of a step."""
        return StageJob(self.name, step, self.loaders[step.row.dataset])

    @staticmethod
    def run(job: RenderJob, /) -> Iterator[Outcome]:
        """Render the step's images."""
        return render_step(job)


def render_step(job: RenderJob) -> Iterator[Outcome]:
    """Render a step's images into the dataset folder; yield one outcome an image."""
    builder = kept_data(job.work)
    for id in job.step.ids:
        started = perf_counter()
        try:
            failures = builder.render([id])
        except SystemExit as error:  # of a user's source or renderer
            yield job.failed(id, error)
        else:
            yield Outcome(job.step.row, id, perf_counter() - started, failures[0] if failures else None)
