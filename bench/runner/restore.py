"""The stage that restores rainy images with derainers, into ``restored/``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from bench.contract import Image, Sample, Traits, Truth
from bench.errors import ImageError
from bench.protocols import BatchDerainer, Dataset, Derainer, NamedDerainer, traits_of
from bench.runner.batches import ONE, BatchRule, LoadedImage, in_batches
from bench.runner.checks import check_restored
from bench.runner.loaders import Loader, kept_data
from bench.runner.outcome import Outcome, StageName
from bench.runner.plan import Step
from bench.runner.stage_job import StageJob, with_model
from bench.runner.workload import Workload
from bench.runs.folder import RunStore
from bench.runs.rows import Row


@dataclass(frozen=True)
class RestoreWork:
    """The run folder, dataset and derainer of a step of restoring.

    With ``on_clean`` the derainer is given the clean image: does it harm what needs no help?
    """

    store: RunStore
    dataset: Loader[Dataset]
    derainer: Loader[Derainer]
    rule: BatchRule
    on_clean: bool = False


RestoreJob = StageJob[RestoreWork]


@dataclass(frozen=True)
class RestoreStage:
    """Restoring of a run: every derainer on every dataset.

    Attributes:
        work: What the run consists of.
        store: The run folder.
        datasets: The finished datasets, opened.
        rule: How many images a network is given at once.
    """

    name: ClassVar[StageName] = "restore"
    work: Workload
    store: RunStore
    datasets: Mapping[str, Dataset]
    rule: BatchRule

    def rows(self) -> list[tuple[Row, Sequence[str]]]:
        """List derainer after derainer, so that each is loaded once."""
        return [
            (Row(name, derainer.name), self.rule.ordered(dataset))
            for derainer in self.work.derainers
            for name, dataset in self.datasets.items()
        ]

    def on_card(self, row: Row, /) -> bool:
        """Return True if the derainer is a network."""
        return self.work.derainer(row.derainer).on_card

    def is_done(self, row: Row, id: str, /) -> bool:
        """Return True if the restored image is there under its key."""
        return self.store.key(row, id) == self.work.restored_key(row, self.datasets[row.dataset], id)

    def is_there(self, row: Row, id: str, /) -> bool:
        """Return True if some restored image is there."""
        return self.store.key(row, id) != ""

    def job(self, step: Step, /) -> RestoreJob:
        """Make the job of a step."""
        derainer, dataset = self.work.derainer(step.row.derainer), self.datasets[step.row.dataset]
        rule = self.rule if derainer.on_card else ONE
        work = RestoreWork(
            self.store, self.work.dataset(step.row.dataset).dataset, derainer.loader, rule, derainer.on_clean
        )
        keys = {id: self.work.restored_key(step.row, dataset, id) for id in step.ids}
        return StageJob(self.name, step, work, keys, derainer.on_card)

    @staticmethod
    def run(job: RestoreJob, /) -> Iterator[Outcome]:
        """Restore the step's images."""
        return restore_step(job)


def restore_step(job: RestoreJob) -> Iterator[Outcome]:
    """Restore a step's images and store them; yield one outcome an image."""
    return with_model(job, job.work.derainer, lambda derainer: _restored(job, derainer))


def _restored(job: RestoreJob, derainer: Derainer) -> Iterator[Outcome]:
    row, work, dataset = job.step.row, job.work, kept_data(job.work.dataset)
    traits = replace(traits_of(derainer), reads="clean") if work.on_clean else traits_of(derainer)
    rule = work.rule if traits.batchable and isinstance(derainer, BatchDerainer) else ONE

    def load(id: str) -> LoadedImage:
        image = _there(id, dataset.image(id, traits.reads)).copy()  # which the derainer may spoil
        return LoadedImage(Sample(id, image, None, Truth(image.shape[:2])), image)

    def restore(loaded: Sequence[LoadedImage]) -> Sequence[Image]:
        if rule.most > 1 and isinstance(derainer, BatchDerainer):
            return derainer.restore_batch([each.image for each in loaded])
        return [restore_one(derainer, each.image, each.sample.id) for each in loaded]

    def store(sample: Sample, image: Image) -> None:
        check_restored(row.derainer, sample, image)
        work.store.write_restored(row, sample.id, image, job.keys[sample.id])

    return in_batches(job, rule, load, restore, store)


def input_of(sample: Sample, traits: Traits) -> Image:
    """Copy the image that a derainer is given, so that it may spoil it."""
    return _there(sample.id, sample.clean if traits.reads == "clean" else sample.rainy).copy()


def _there(id: str, image: Image | None) -> Image:
    if image is None:
        raise ImageError(f"{id}: there is no clean image to read; leave this row out for real rain")
    return image


def restore_one(derainer: Derainer, rainy: Image, id: str) -> Image:
    """Restore a single image, by name where the derainer wants to know it."""
    return derainer.restore_named(rainy, id) if isinstance(derainer, NamedDerainer) else derainer(rainy)
