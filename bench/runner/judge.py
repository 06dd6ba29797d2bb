"""Judge a step's restored images with a task model and store the evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bench.contract import Evidence, Sample
from bench.errors import ImageError, UserError
from bench.protocols import Dataset, Judge
from bench.runner.batches import Given, in_batches
from bench.runner.checks import check_evidence, check_restored
from bench.runner.loaders import Loader, _kept_model, kept_data
from bench.runner.outcome import Outcome, _failed, _outcome
from bench.runner.plan import Step
from bench.runs.folder import RunStore


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
