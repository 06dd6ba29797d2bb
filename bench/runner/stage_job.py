"""A step of work as it travels to a worker: which images of which row, their keys, and what does them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar

from bench.errors import UserError
from bench.runner.loaders import Loader, kept_model
from bench.runner.outcome import Outcome, StageName, failed_outcome
from bench.runner.plan import Step
from bench.runs.rows import Row

Work = TypeVar("Work")
Model = TypeVar("Model")


@dataclass(frozen=True)
class StageJob(Generic[Work]):
    """A step of one stage.

    Attributes:
        stage: ``render``, ``restore`` or ``judge``.
        step: The row and its images.
        work: What the stage needs to do them: loaders and places.
        keys: Id to the key under which its result is stored.
        on_card: True if its model computes on a card, where there is one.
    """

    stage: StageName
    step: Step
    work: Work
    keys: Mapping[str, str] = field(default_factory=dict)
    on_card: bool = False

    def only(self, id: str) -> StageJob[Work]:
        """Narrow the job to one of its images."""
        return replace(self, step=replace(self.step, ids=(id,)))

    def lost(self, id: str, reason: str) -> Outcome:
        """Make the outcome of an image whose process was lost."""
        return self.failed(id, reason)

    def failed(self, id: str, error: Exception | SystemExit | str) -> Outcome:
        """Make the outcome of an image that an error is about."""
        return failed_outcome(self.step.row, id, self.stage, error)


class Stage(Protocol[Work]):
    """One of the three things done to an image."""

    @property
    def name(self) -> StageName:
        """``render``, ``restore`` or ``judge``."""
        ...

    def rows(self) -> Sequence[tuple[Row, Sequence[str]]]:
        """List the rows and the ids of all their images, in the order of the work."""
        ...

    def on_card(self, row: Row, /) -> bool:
        """Return True if the row's model computes on a card, where there is one."""
        ...

    def is_done(self, row: Row, id: str, /) -> bool:
        """Return True if the result of an image is there under the right key."""
        ...

    def is_there(self, row: Row, id: str, /) -> bool:
        """Return True if a result of an image is there, under whatever key, that another must not replace unasked."""
        ...

    def job(self, step: Step, /) -> StageJob[Work]:
        """Make the job of a step."""
        ...

    def run(self, job: StageJob[Work], /) -> Iterator[Outcome]:
        """Do a job, in whatever process: one outcome an image."""
        ...


def with_model(
    job: StageJob[Work], loader: Loader[Model], use: Callable[[Model], Iterator[Outcome]]
) -> Iterator[Outcome]:
    """Load the model of a job and use it; a model that cannot be loaded is a failure of every image.

    Raises:
        UserError: Something that the user has to mend.
    """
    try:
        model = kept_model(loader)
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # a factory may fail in any way
        yield from (job.failed(id, error) for id in job.step.ids)
        return
    yield from use(model)
