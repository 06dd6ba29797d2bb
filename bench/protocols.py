"""Declare the methods that a derainer, a task, a source of photographs and a dataset need: the verbs of DerainBench.

Whatever has these methods fits; nothing has to be derived from anything. The nouns are in :mod:`bench.contract`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, runtime_checkable

from bench.contract import (
    Classes,
    Detections,
    Evidence,
    Failure,
    FloatArray,
    Image,
    Instances,
    IntArray,
    MatchedObjects,
    Measure,
    Metric,
    Options,
    Parameters,
    Photograph,
    Sample,
    Summary,
    Traits,
    Truth,
)
from bench.errors import UserError


class Derainer(Protocol):
    """Restore one rainy image: return an image of the same shape and type.

    A plain function will do. An object may also have ``traits`` (:class:`Traits`) and
    ``restore_batch`` (:class:`BatchDerainer`).
    """

    def __call__(self, rainy: Image, /) -> Image: ...


@runtime_checkable
class BatchDerainer(Protocol):
    """Restore several rainy images of one size at once, each as it would be alone."""

    traits: Traits

    def __call__(self, rainy: Image, /) -> Image: ...

    def restore_batch(self, rainy: Sequence[Image], /) -> Sequence[Image]: ...


@runtime_checkable
class NamedDerainer(Protocol):
    """Restore one rainy image by its id, as a folder of finished images does."""

    def restore_named(self, rainy: Image, id: str, /) -> Image: ...


def traits_of(derainer: Derainer) -> Traits:
    """Return the traits of a derainer; the defaults of :class:`Traits` if it states none."""
    traits: Traits = getattr(derainer, "traits", Traits())
    return traits


class Judge(Protocol):
    """Look at restored images with a loaded model and return one evidence per image: objects, label map or qualities.

    Samples have the restored image in place of the rainy one, which is not decoded again, and a clean one only if the
    task needs it.
    """

    def __call__(self, images: Sequence[Image], samples: Sequence[Sample], /) -> Sequence[Evidence]: ...


class Task(Protocol):
    """Judge every restored image and turn the evidence into numbers.

    A task is cheap to make; only ``judge`` loads the model.

    Attributes:
        name: ``quality``, ``detection``, ``instances`` or ``semantic``.
        version: A text such as ``"1"``. A person raises it whenever a number changes because code changed, be it of
            the model's side or of the scoring; numbers of two versions do not stand in one table.
        model: The model's short name as shown in tables; empty when there is none.
        protocol: The scoring rules in one line, as shown in ``records.csv``.
        needs: Parts of a sample without which the task cannot run.
        fingerprint: Text that names all that the evidence depends on beside the code: model, digest of its weights,
            settings.
        scoring: Parameters with which the factory makes a task that scores in the same way, without the model.
    """

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def protocol(self) -> str: ...
    @property
    def needs(self) -> frozenset[Literal["clean", "boxes", "masks", "label_map"]]: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def scoring(self) -> Parameters: ...

    def judge(self, options: Options) -> Judge:
        """Load the model.

        Raises:
            UserError: It cannot be had.
        """
        ...

    def summarise(self, evidence: Mapping[str, Evidence], truths: Mapping[str, Truth]) -> Summary:
        """Compute all metrics of one row from the evidence of its images: pure, without model or GPU.

        Both maps have the same keys in the same order and may read from disk on access: pass over them
        once, and do not keep label maps or masks of all images in memory.
        """
        ...


def version_of(task: Task) -> str:
    """Return the version that a task declares.

    Raises:
        UserError: It declares none, like tasks that were written before tasks had versions.
    """
    version: object = getattr(task, "version", None)  # a plug-in's class is not checked by mypy
    if not isinstance(version, str) or not version:
        raise UserError(
            f'task {task.name!r}: expected an attribute version, a text, got {version!r}; write version = "1" into its '
            f"class {type(task).__name__}, and raise it whenever a change of its code changes a number"
        )
    return version


@runtime_checkable
class Resampling(Protocol):
    """Compute a task's main metrics on many bootstrap resamples at once, for intervals."""

    def resample(
        self, evidence: Mapping[str, Evidence], truths: Mapping[str, Truth], weights: IntArray
    ) -> Mapping[str, FloatArray]:
        """Compute metrics on every resample, as :meth:`Task.summarise` would.

        Args:
            evidence: As in ``summarise``; N images.
            truths: As in ``summarise``.
            weights: (R, N) int64, how often each image, in the order of the maps, is in each of R resamples.

        Returns:
            Metric name (of ``summarise``) to (R,) values in the same unit; NaN where a resample leaves it undefined.
        """
        ...


@runtime_checkable
class JudgesByRow(Protocol):
    """A task that judges some rows only, each by a model of its own.

    Attributes:
        by_row: Row to the task that judges it; all are scored by the rules of the whole.
    """

    @property
    def by_row(self) -> Mapping[str, Task]: ...


def judge_of(task: Task, row: str) -> Task | None:
    """Find the task whose model judges one row: itself, or the row's own; None where the row is not asked."""
    return task.by_row.get(row) if isinstance(task, JudgesByRow) else task


@runtime_checkable
class DescribesMetrics(Protocol):
    """A task from outside that says which of its metrics are headlines, and with how many digits they are printed.

    The facts go into the card of a run, so that its tables need no plug-in. Short tables show every metric of a task
    that describes none. The metrics of the built-in tasks are described in ``bench/io/metrics.csv``.
    """

    @property
    def metrics(self) -> Sequence[Metric]: ...


@runtime_checkable
class SelfReference(Protocol):
    """Score a task's evidence with its model's own answers on the clean images taken for the truth.

    This tells what rain does to the model apart from the model's own errors. It is computed where a run has a row
    ``clean``.
    """

    def summarise_against_clean(
        self, evidence: Mapping[str, Evidence], clean: Mapping[str, Evidence], truths: Mapping[str, Truth]
    ) -> Sequence[Measure]:
        """Score evidence against evidence; all maps have the same keys, and only the truths' sizes are used."""
        ...

    def resample_against_clean(
        self,
        evidence: Mapping[str, Evidence],
        clean: Mapping[str, Evidence],
        truths: Mapping[str, Truth],
        weights: IntArray,
    ) -> Mapping[str, FloatArray]:
        """Score evidence against evidence on every resample; see :meth:`Resampling.resample`."""
        ...


@runtime_checkable
class AccountsForTruth(Protocol):
    """Say of every labelled object or pixel whether a task scores it, and if not, why.

    Attributes:
        counted: ``objects`` or ``pixels``.
        scored_names: Names of the classes that are scored.
    """

    @property
    def counted(self) -> Literal["objects", "pixels"]: ...
    @property
    def scored_names(self) -> Sequence[str]: ...

    def account(self, truth: Truth, /) -> Mapping[tuple[str, str], int]:
        """Count the labels of one image by fate and class; together they are all of them.

        Fates are ``scored``; ``crowd`` and ``not labelled``, which are ignored by rule; and reasons why others are not
        scored, such as ``class not scored``.
        """
        ...


@runtime_checkable
class Drawable(Protocol):
    """A task about objects that can tell right detections from wrong ones.

    The report colours its boxes and plots its precision over recall. Without this protocol, the detections of a task
    are drawn in one colour.

    Attributes:
        score: Least score of a detection in the task's precision and recall, in [0, 1].
        overlap: Least overlap (IoU) of a match, in (0, 1].
    """

    @property
    def score(self) -> float: ...
    @property
    def overlap(self) -> float: ...

    def matched(self, evidence: Detections, truth: Instances, /) -> MatchedObjects:
        """Match the detections of one image with its true objects, in descending order of score.

        Detections of every score take part: one of lower score never takes the partner of one with a higher score.
        """
        ...


class Source(Protocol):
    """Load labelled photographs by id, from a disk or out of a program that draws them.

    ``load`` raises :class:`bench.errors.ImageError` for one bad image; opening the source raises
    :class:`bench.errors.UserError` when the whole is unusable.
    """

    @property
    def name(self) -> str: ...
    @property
    def classes(self) -> Classes: ...
    @property
    def ids(self) -> Sequence[str]: ...

    def size(self, id: str, /) -> tuple[int, int] | None:
        """Return (height, width) of an image if it is known without decoding, else None."""
        ...

    def load(self, id: str, /) -> Photograph: ...


class Dataset(Protocol):
    """Read a finished benchmark dataset by image id: rainy images, their clean originals and labels."""

    @property
    def name(self) -> str: ...
    @property
    def classes(self) -> Classes: ...
    @property
    def ids(self) -> Sequence[str]: ...

    def digest(self, id: str, /) -> str:
        """Return the hexadecimal digest of everything that belongs to an image: pixels of both, labels."""
        ...

    def size(self, id: str, /) -> tuple[int, int]:
        """Return (height, width) of an image without decoding it."""
        ...

    def image_id(self, id: str, /) -> int:
        """Return the whole number that COCO result files use for an image."""
        ...

    def truth(self, id: str, /) -> Truth: ...

    def attributes(self, id: str, /) -> Mapping[str, str]:
        """Facts about the image to slice results by, such as its time of day."""
        ...

    def image(self, id: str, place: Literal["rainy", "clean"], /) -> Image | None:
        """Decode the rainy or the clean image; return None where there is no clean one."""
        ...

    def load(self, id: str, /) -> Sample: ...


class DatasetBuilder(Protocol):
    """Render one dataset into its folder, image by image; see :mod:`synth.datasets.build`."""

    @property
    def ids(self) -> Sequence[str]:
        """Ids of all chosen images in order; tables call their number *expected*."""
        ...

    @property
    def classes(self) -> Classes: ...

    @property
    def has_clean(self) -> bool:
        """Whether its images have clean originals, as real rain has not."""
        ...

    def missing(self) -> Sequence[str]:
        """List the chosen images that are not in the folder yet, or are there with other parameters."""
        ...

    def render(self, ids: Sequence[str], /) -> Sequence[Failure]:
        """Render images by id. One bad image is a failure in the answer, never an exception."""
        ...

    def finish(self) -> Dataset:
        """Write labels, manifest and card of all that is rendered, and open the dataset."""
        ...
