"""Restore a step's rainy images with a derainer and store them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bench.contract import Image, Sample, Traits, Truth
from bench.errors import ImageError, UserError
from bench.protocols import BatchDerainer, Dataset, Derainer, NamedDerainer
from bench.runner.batches import Given, in_batches
from bench.runner.checks import check_restored
from bench.runner.loaders import Loader, _kept_model, kept_data
from bench.runner.outcome import Outcome, _failed, _outcome
from bench.runner.plan import Step
from bench.runs.folder import RunStore


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
