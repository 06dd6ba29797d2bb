"""The verbs of DerainBench: what a derainer, a task, a source of photographs and a dataset have to do.

Whatever has these methods fits; nothing has to be derived from anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, runtime_checkable

from bench.contract import (
    Classes,
    Evidence,
    Failure,
    FloatArray,
    Image,
    IntArray,
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


class Derainer(Protocol):
    """Anything that turns one rainy image into a restored one of the same shape and type.

    A plain function will do. An object may also have ``traits`` (:class:`Traits`) and
    ``restore_batch`` (:class:`BatchDerainer`).
    """

    def __call__(self, rainy: Image, /) -> Image: ...


@runtime_checkable
class BatchDerainer(Protocol):
    """A derainer that restores several images of one size at once, each as it would alone."""

    traits: Traits

    def __call__(self, rainy: Image, /) -> Image: ...

    def restore_batch(self, rainy: Sequence[Image], /) -> Sequence[Image]: ...


@runtime_checkable
class NamedDerainer(Protocol):
    """A derainer that has to know which image it is given, such as a folder of finished images."""

    def restore_named(self, rainy: Image, id: str, /) -> Image: ...


class Judge(Protocol):
    """A loaded task model: looks at restored images and says what it saw, one evidence per image.

    With an attribute ``looks_alone = True`` it does without rainy and clean images. They are not decoded for it: its
    samples have the restored image in place of the rainy one, and no clean one.
    """

    def __call__(self, images: Sequence[Image], samples: Sequence[Sample], /) -> Sequence[Evidence]: ...


class Task(Protocol):
    """A question asked of every restored image. Cheap to make; the model is loaded by ``judge``.

    Attributes:
        name: ``quality``, ``detection``, ``instances`` or ``semantic``.
        model: The model's short name as shown in tables; empty when there is none.
        protocol: The scoring rules in one line, as shown in ``records.csv``.
        needs: Parts of a sample without which the task cannot run.
        fingerprint: Text that changes whenever the evidence could: model, weights digest, settings.
        scoring: Parameters with which the factory makes a task that scores in the same way, without the model.
    """

    @property
    def name(self) -> str: ...
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
        """Load the model. Raises UserError when it cannot be had."""
        ...

    def summarise(self, evidence: Mapping[str, Evidence], truths: Mapping[str, Truth]) -> Summary:
        """Turn evidence into numbers: pure, without model or GPU.

        Both maps have the same keys in the same order and may read from disk on access: pass over them
        once, and do not keep label maps or masks of all images in memory.
        """
        ...


@runtime_checkable
class Resampling(Protocol):
    """A task whose main metrics can be computed for many bootstrap resamples at once."""

    def resample(
        self, evidence: Mapping[str, Evidence], truths: Mapping[str, Truth], weights: IntArray
    ) -> Mapping[str, FloatArray]:
        """Compute metrics as :meth:`Task.summarise` would on every resample.

        Args:
            evidence: As in ``summarise``; N images.
            truths: As in ``summarise``.
            weights: (R, N) int64, how often each image, in the order of the maps, is in each of R resamples.

        Returns:
            Metric name (of ``summarise``) to (R,) values in the same unit; NaN where a resample leaves it undefined.
        """
        ...


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
    """A task that can also take its model's own answers on the clean images for the truth.

    This tells what rain does to the model apart from the model's own errors. The runner asks it where a run has
    a row ``clean``.
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
        """The same on every resample; see :meth:`Resampling.resample`."""
        ...


class Source(Protocol):
    """Labelled photographs on a disk, or drawn by a program.

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
        """(height, width) if it is known without decoding the image."""
        ...

    def load(self, id: str, /) -> Photograph: ...


class Dataset(Protocol):
    """A finished benchmark dataset: images that were rained on, their clean originals and labels."""

    @property
    def name(self) -> str: ...
    @property
    def classes(self) -> Classes: ...
    @property
    def ids(self) -> Sequence[str]: ...

    def digest(self, id: str, /) -> str:
        """Hexadecimal digest of everything that belongs to the image: pixels of both, labels."""
        ...

    def image_id(self, id: str, /) -> int:
        """The whole number that COCO result files use for this image."""
        ...

    def truth(self, id: str, /) -> Truth: ...

    def image(self, id: str, place: Literal["rainy", "clean"], /) -> Image | None:
        """One of the two images, decoded anew; None where there is no clean one."""
        ...

    def load(self, id: str, /) -> Sample: ...


class DatasetBuilder(Protocol):
    """Renders one dataset into its folder, image by image; see :mod:`synth.datasets.build`."""

    @property
    def ids(self) -> Sequence[str]:
        """Every chosen image, in order: what the tables call *expected*."""
        ...

    @property
    def classes(self) -> Classes: ...

    def missing(self) -> Sequence[str]:
        """Chosen images that are not in the folder yet, or are there with other parameters."""
        ...

    def render(self, ids: Sequence[str], /) -> Sequence[Failure]:
        """Render these images. One bad image is a failure in the answer, never an exception."""
        ...

    def finish(self) -> Dataset:
        """Write labels, manifest and card of all that is rendered, and open the dataset."""
        ...
