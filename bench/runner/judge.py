"""The stage that judges restored images with task models, into ``evidence/``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from bench.contract import Evidence, Sample
from bench.errors import ImageError
from bench.protocols import Dataset, Judge
from bench.runner.batches import ONE, BatchRule, LoadedImage, in_batches
from bench.runner.checks import check_evidence, check_restored
from bench.runner.loaders import JudgeLoader, Loader, kept_data
from bench.runner.outcome import Outcome, StageName
from bench.runner.plan import Step
from bench.runner.restore import RestoreStage
from bench.runner.stage_job import StageJob, with_model
from bench.runner.workload import Workload
from bench.runs.folder import RunStore
from bench.runs.rows import Row


@dataclass(frozen=True)
class JudgeWork:
    """The run folder, dataset and task model of a step of judging."""

    store: RunStore
    dataset: Loader[Dataset]
    judge: JudgeLoader
    rule: BatchRule

    @property
    def sees_clean(self) -> bool:
        """True if the task needs the clean image, which then is decoded beside the restored one."""
        return "clean" in self.judge.task.needs


JudgeJob = StageJob[JudgeWork]


@dataclass(frozen=True)
class JudgeStage:
    """Judging of a run: every task on every restored image.

    Attributes:
        work: What the run consists of.
        store: The run folder.
        datasets: The finished datasets, opened.
        rule: How many images a task model is given at once.
    """

    name: ClassVar[StageName] = "judge"
    work: Workload
    store: RunStore
    datasets: Mapping[str, Dataset]
    rule: BatchRule

    def rows(self) -> list[tuple[Row, Sequence[str]]]:
        """List task after task with the images that are restored, so that each task model is loaded once."""
        restored = RestoreStage(self.work, self.store, self.datasets, self.rule)
        ids = {name: self.rule.ordered(dataset) for name, dataset in self.datasets.items()}
        return [
            (row, [id for id in ids[row.dataset] if restored.is_done(Row(row.dataset, row.derainer), id)])
            for row in self.work.task_rows(self.datasets)
        ]

    def on_card(self, row: Row, /) -> bool:
        """Return True if the task has a model; arithmetic alone, as of PSNR and SSIM, is done on all cores."""
        return bool(self.work.judge_of(row).model)

    def is_done(self, row: Row, id: str, /) -> bool:
        """Return True if the evidence is there under its key."""
        return self.store.key(row, id) == self.work.judged_key(row, self.datasets[row.dataset], id)

    def is_there(self, row: Row, id: str, /) -> bool:
        """Return True if some evidence is there."""
        return self.store.key(row, id) != ""

    def job(self, step: Step, /) -> JudgeJob:
        """Make the job of a step."""
        place, dataset = self.work.dataset(step.row.dataset), self.datasets[step.row.dataset]
        on_card = self.on_card(step.row)
        options = self.work.options if on_card else replace(self.work.options, device="cpu")
        loader = JudgeLoader(self.work.judge_of(step.row), options)
        keys = {id: self.work.judged_key(step.row, dataset, id) for id in step.ids}
        work = JudgeWork(self.store, place.dataset, loader, self.rule if on_card else ONE)
        return StageJob(self.name, step, work, keys, on_card)

    @staticmethod
    def run(job: JudgeJob, /) -> Iterator[Outcome]:
        """Judge the step's images."""
        return judge_step(job)


def judge_step(job: JudgeJob) -> Iterator[Outcome]:
    """Judge a step's restored images and store the evidence; yield one outcome an image."""
    return with_model(job, job.work.judge, lambda judge: _judged(job, judge))


def _judged(job: JudgeJob, judge: Judge) -> Iterator[Outcome]:
    row, work, dataset = job.step.row, job.work, kept_data(job.work.dataset)

    def load(id: str) -> LoadedImage:
        clean = dataset.image(id, "clean") if work.sees_clean else None
        truth, attributes = dataset.truth(id), dataset.attributes(id)
        try:
            image = work.store.read_restored(row, id)
            sample = Sample(id, image, clean, truth, attributes)
            check_restored(row.derainer, sample, image)
        except ImageError as error:
            work.store.remove_restored(row, id)
            raise ImageError(f"{error}. It is removed: give the same command again to restore it") from error
        return LoadedImage(sample, image)

    def look(loaded: Sequence[LoadedImage]) -> Sequence[Evidence]:
        return judge([each.image for each in loaded], [each.sample for each in loaded])

    def store(sample: Sample, evidence: Evidence) -> None:
        check_evidence(row.task, sample, evidence)
        work.store.write_evidence(row, sample.id, evidence, job.keys[sample.id])

    return in_batches(job, work.rule, load, look, store)
