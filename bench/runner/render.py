"""Render a step's images into the dataset folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import perf_counter

from bench.errors import ImageError
from bench.protocols import DatasetBuilder
from bench.runner.loaders import Loader, kept_data
from bench.runner.outcome import Outcome, _failed
from bench.runner.plan import Step


@dataclass(frozen=True)
class RenderJob:
    """A step of rendering."""

    step: Step
    builder: Loader[DatasetBuilder]

    def only(self, id: str) -> RenderJob:
        """The job of one of its images."""
        return replace(self, step=replace(self.step, ids=(id,)))

    def lost(self, id: str, reason: str) -> Outcome:
        """The outcome of an image whose process was lost."""
        return _failed(self.step.row, id, "render", ImageError(reason))


def render_step(job: RenderJob) -> Iterator[Outcome]:
    """Render the step's images into the dataset folder."""
    builder = kept_data(job.builder)
    for id in job.step.ids:
        started = perf_counter()
        try:
            failures = builder.render([id])
        except SystemExit as error:  # of a user's source or renderer
            yield _failed(job.step.row, id, "render", error)
        else:
            yield Outcome(job.step.row, id, perf_counter() - started, failures[0] if failures else None)
