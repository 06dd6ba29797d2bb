"""The three things done to an image: render it, restore it, judge it. Each step runs in some process.

A step yields one :class:`Outcome` an image. One bad image, or a model that fails on it, is a failure in
the outcome; only what the user has to mend (:class:`bench.errors.UserError`) ends the run.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Literal, Protocol, TypeAlias, TypeVar, cast

from bench.batches import Given, Result, failed, in_batches
from bench.checks import check_evidence, check_restored
from bench.contract import Evidence, Failure, Image, Options, Sample, Traits, Truth
from bench.errors import ImageError, UserError
from bench.plan import Row, Step
from bench.protocols import BatchDerainer, Dataset, DatasetBuilder, Derainer, Judge, NamedDerainer, Task
from bench.registry import Entry
from bench.store import RunStore

Loaded_co = TypeVar("Loaded_co", covariant=True)
Stage: TypeAlias = Literal["render", "restore", "judge"]


class Loader(Hashable, Protocol[Loaded_co]):
    """Makes an object in the process that needs it. Equal loaders make equal objects, so one is kept."""

    def __call__(self) -> Loaded_co:
        """Make it."""
        ...


@dataclass(frozen=True)
class DatasetLoader:
    """Opens a finished dataset folder with ``open``, a module-level function."""

    open: Callable[[Path], Dataset]
    folder: Path

    def __call__(self) -> Dataset:
        """Open the folder."""
        return self.open(self.folder)


@dataclass(frozen=True)
class DerainerLoader:
    """Builds a derainer from its registered factory."""

    entry: Entry
    options: Options

    def __call__(self) -> Derainer:
        """Import the factory and call it."""
        factory = cast(Callable[[Options], Derainer], self.entry.load())
        derainer = factory(self.options)
        if not callable(derainer):
            raise UserError(
                f"{self.entry.name}: its factory returned {type(derainer).__name__}, expected a callable "
                "that takes an image (H, W, 3) uint8 and returns one like it"
            )
        return derainer


@dataclass(frozen=True)
class JudgeLoader:
    """Loads a task's model."""

    task: Task
    options: Options

    def __call__(self) -> Judge:
        """Load it."""
        return self.task.judge(self.options)


@dataclass(frozen=True)
class Outcome:
    """What became of one image: seconds in the model, beside it of reading and writing, and the failure if any."""

    row: Row
    id: str
    seconds: float
    failure: Failure | None = None
    reading: float = 0.0
    writing: float = 0.0


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


@dataclass(frozen=True)
class RestoreJob:
    """A step of restoring; ``keys`` go with the step's ids.

    With ``on_clean`` the derainer is given the clean image: does it harm what needs no help?
    """

    step: Step
    keys: tuple[str, ...]
    store: RunStore
    dataset: Loader[Dataset]
    derainer: Loader[Derainer]
    batch: int
    on_clean: bool = False

    def only(self, id: str) -> RestoreJob:
        """The job of one of its images."""
        return replace(self, step=replace(self.step, ids=(id,)), keys=(self.keys[self.step.ids.index(id)],))

    def lost(self, id: str, reason: str) -> Outcome:
        """The outcome of an image whose process was lost."""
        return _failed(self.step.row, id, "restore", ImageError(reason))


@dataclass(frozen=True)
class JudgeJob:
    """A step of judging; ``keys`` go with the step's ids."""

    step: Step
    keys: tuple[str, ...]
    store: RunStore
    dataset: Loader[Dataset]
    judge: Loader[Judge]
    batch: int

    def only(self, id: str) -> JudgeJob:
        """The job of one of its images."""
        return replace(self, step=replace(self.step, ids=(id,)), keys=(self.keys[self.step.ids.index(id)],))

    def lost(self, id: str, reason: str) -> Outcome:
        """The outcome of an image whose process was lost."""
        return _failed(self.step.row, id, "judge", ImageError(reason))


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


def restore_step(job: RestoreJob) -> Iterator[Outcome]:
    """Restore the step's images and store them."""
    row, dataset = job.step.row, kept_data(job.dataset)
    keys = dict(zip(job.step.ids, job.keys, strict=True))
    try:
        derainer = _kept_model(job.derainer)
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        yield from (_failed(row, id, "restore", error) for id in job.step.ids)
        return
    traits = getattr(derainer, "traits", Traits())
    if job.on_clean:
        traits = replace(traits, reads="clean")
    batch = job.batch if traits.batchable and isinstance(derainer, BatchDerainer) else 1

    def load(id: str) -> Given:
        image = _there(id, dataset.image(id, traits.reads)).copy()  # which the derainer may spoil
        return Given(Sample(id, image, None, Truth(image.shape[:2])), image)

    def restore(given: Sequence[Given]) -> Sequence[Image]:
        if batch > 1 and isinstance(derainer, BatchDerainer):
            return derainer.restore_batch([each.image for each in given])
        return [restore_one(derainer, each.image, each.sample.id) for each in given]

    def store(sample: Sample, image: Image) -> None:
        check_restored(row.derainer, sample, image)
        job.store.write_restored(row, sample.id, image, keys[sample.id])

    for result in in_batches(job.step.ids, batch, load, restore, store):
        yield _outcome(row, "restore", result)


def judge_step(job: JudgeJob) -> Iterator[Outcome]:
    """Judge the step's restored images and store the evidence."""
    row, dataset = job.step.row, kept_data(job.dataset)
    keys = dict(zip(job.step.ids, job.keys, strict=True))
    try:
        judge: Judge = _kept_model(job.judge)
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        yield from (_failed(row, id, "judge", error) for id in job.step.ids)
        return

    def load(id: str) -> Given:
        original = None if getattr(judge, "looks_alone", False) else dataset.load(id)
        truth = dataset.truth(id) if original is None else original.truth
        try:
            image = job.store.read_restored(row, id)
            sample = original or Sample(id, image, None, truth)
            check_restored(row.derainer, sample, image)
        except ImageError as error:
            job.store.remove_restored(row, id)
            raise ImageError(f"{error}. It is removed: give the same command again to restore it") from error
        return Given(sample, image)

    def look(given: Sequence[Given]) -> Sequence[Evidence]:
        return judge([each.image for each in given], [each.sample for each in given])

    def store(sample: Sample, evidence: Evidence) -> None:
        check_evidence(row.task, sample, evidence)
        job.store.write_evidence(row, sample.id, evidence, keys[sample.id])

    for result in in_batches(job.step.ids, job.batch, load, look, store):
        yield _outcome(row, "judge", result)


def input_of(sample: Sample, traits: Traits) -> Image:
    """The image a derainer is given, as a copy that it may spoil."""
    return _there(sample.id, sample.clean if traits.reads == "clean" else sample.rainy).copy()


def _there(id: str, image: Image | None) -> Image:
    if image is None:
        raise ImageError(f"{id}: there is no clean image to read; leave this row out for real rain")
    return image


def restore_one(derainer: Derainer, rainy: Image, id: str) -> Image:
    """Restore a single image, by name where the derainer wants to know it."""
    return derainer.restore_named(rainy, id) if isinstance(derainer, NamedDerainer) else derainer(rainy)


def _failed(row: Row, id: str, stage: Stage, error: Exception | SystemExit) -> Outcome:
    return _outcome(row, stage, failed(id, error))


def _outcome(row: Row, stage: Stage, result: Result) -> Outcome:
    place = (row.dataset, row.derainer, row.task, result.id, stage)
    failure = None if result.failure is None else Failure(*place, result.failure)
    return Outcome(row, result.id, result.seconds, failure, result.reading, result.writing)


def forget() -> None:
    """Drop models, builders and datasets: the files behind them may change before this process runs again."""
    _kept_model.cache_clear()
    kept_data.cache_clear()


@lru_cache(maxsize=1)
def _kept_model(loader: Loader[Loaded_co]) -> Loaded_co:
    """One model at a time: a derainer and a task model are never in memory together."""
    return loader()


@lru_cache(maxsize=16)
def kept_data(loader: Loader[Loaded_co]) -> Loaded_co:
    """Builders and datasets, each opened once in a process."""
    return loader()
