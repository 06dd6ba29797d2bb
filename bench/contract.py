"""The nouns of DerainBench. Read this file first.

The only picture that passes between packages is ``Image``: uint8 RGB of shape ``(H, W, 3)``.
Tensors, BGR order, padding, normalisation and half precision stay inside the adapters.
Boxes are ``x1, y1, x2, y2`` in continuous pixels. A label map holds class ids; 255 is not labelled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, TypedDict, runtime_checkable

import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[np.uint8]
LabelMap: TypeAlias = npt.NDArray[np.uint8]
FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

UNLABELLED = 255
"""Value of a label map's pixels that have no class and are never scored."""


class Rle(TypedDict):
    """A binary mask in COCO's compressed run-length encoding (column-major)."""

    size: list[int]
    counts: str


@dataclass(frozen=True)
class ClassSpace:
    """What the numbers in a set of labels mean.

    Attributes:
        name: Well-known name such as ``coco``, ``bdd`` or ``cityscapes``, or the dataset's own name.
        ids: The numbers used in labels, in the order of the names. Gaps are allowed (COCO has them).
        names: One name per id.
    """

    name: str
    ids: tuple[int, ...]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.ids) != len(self.names) or len(set(self.ids)) != len(self.ids):
            raise ValueError(
                f"class space {self.name!r}: expected one distinct id per name, "
                f"got {len(self.ids)} ids ({len(set(self.ids))} distinct) and {len(self.names)} names"
            )


@dataclass(frozen=True)
class Classes:
    """The class spaces of one dataset: of its instances and of its label maps, where it has them."""

    instances: ClassSpace | None = None
    labels: ClassSpace | None = None


@dataclass(frozen=True)
class Instances:
    """Labelled objects of one image, N of them.

    Attributes:
        boxes: (N, 4) float64, ``x1, y1, x2, y2`` in pixels.
        class_ids: (N,) int64, ids of the dataset's instance class space.
        crowd: (N,) bool; True means that the object is ignored: it is never missed, and never counts twice.
        areas: (N,) float64, area in square pixels by which COCO sorts objects into small, medium and large.
        masks: One mask per object, or None when the dataset has boxes only.
    """

    boxes: FloatArray
    class_ids: IntArray
    crowd: BoolArray
    areas: FloatArray
    masks: tuple[Rle, ...] | None = None


@dataclass(frozen=True)
class Truth:
    """All that is known about one image: its size ``(height, width)`` and whatever labels exist."""

    size: tuple[int, int]
    instances: Instances | None = None
    label_map: LabelMap | None = None


@dataclass(frozen=True)
class Photograph:
    """A labelled photograph as a source gives it; at least one of ``clean`` and ``rainy`` is there.

    Attributes:
        id: Unique in its source; the stem of the image's file name where there is a file.
        clean: (H, W, 3) uint8 RGB without rain, or None where only real rain was photographed.
        rainy: The same scene with somebody else's rain (published pairs), or None: rain is to be rendered.
        truth: The labels.
        depth: (H, W) float64, metres from the camera, where the source knows it.
        attributes: Facts to slice results by, such as ``{"timeofday": "night"}``.
    """

    id: str
    clean: Image | None
    rainy: Image | None
    truth: Truth
    depth: FloatArray | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """One image of a benchmark dataset: rainy, clean (None for real rain) and the labels of both."""

    id: str
    rainy: Image
    clean: Image | None
    truth: Truth
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Detections:
    """What a detector saw in one image, N objects in descending order of score.

    Attributes:
        boxes: (N, 4) float64, ``x1, y1, x2, y2`` in pixels.
        scores: (N,) float64 in [0, 1].
        class_ids: (N,) int64, ids of the *dataset's* instance class space.
        masks: One mask per object for instance segmentation, else None.
    """

    boxes: FloatArray
    scores: FloatArray
    class_ids: IntArray
    masks: tuple[Rle, ...] | None = None


Qualities: TypeAlias = Mapping[str, float]
"""Image quality of one image: metric name to value."""

Evidence: TypeAlias = Detections | LabelMap | Qualities
"""What a task saw in one image, stored in a format the field already reads."""


@dataclass(frozen=True)
class Measure:
    """One number about one row of the table.

    Attributes:
        metric: Name that carries its convention, such as ``psnr_y`` or ``precision@0.25/0.60``.
        value: The number, in ``unit``. NaN is never written: what is undefined has no measure.
        unit: ``dB``, ``%``, or empty for a plain ratio or count.
        images: How many images the value rests on.
    """

    metric: str
    value: float
    unit: str
    images: int


@dataclass(frozen=True)
class ImageMeasure:
    """One number about one image."""

    image: str
    metric: str
    value: float


@dataclass(frozen=True)
class Summary:
    """All numbers that a task derives from its evidence."""

    measures: tuple[Measure, ...]
    per_image: tuple[ImageMeasure, ...] = ()


@dataclass(frozen=True)
class Record:
    """One row of ``records.csv``: a measure and all that is needed to read it."""

    dataset: str
    derainer: str
    task: str
    model: str
    metric: str
    value: float
    unit: str
    images: int
    expected: int
    protocol: str


@dataclass(frozen=True)
class Failure:
    """One row of ``failures.csv``: an image that could not be rendered, restored, judged or scored."""

    dataset: str
    derainer: str
    task: str
    image: str
    stage: Literal["render", "restore", "judge", "summarise"]
    reason: str


@dataclass(frozen=True)
class Options:
    """How models run; the same for derainers and task models.

    Attributes:
        device: ``cpu``, ``cuda``, ``cuda:1``, ...
        weights_dirs: Folders searched for weights by digest, before the cache and the network.
        offline: True forbids every download.
        threads: CPU threads of one process; 0 leaves the libraries' default.
        allow_random_weights: True runs a derainer whose weights only a person can get, or that nobody ever
            trained, untrained where they are not here.
    """

    device: str = "cpu"
    weights_dirs: tuple[Path, ...] = ()
    offline: bool = False
    threads: int = 0
    allow_random_weights: bool = False


@dataclass(frozen=True)
class Traits:
    """What a derainer can bear, so that the runner treats it right.

    Attributes:
        reads: Which image it is given. Only the oracle reads ``clean``.
        batchable: False if an image's result depends on its neighbours in the batch.
        tileable: False if an image's result depends on the whole image.
        multiple_of: Height and width are padded to a multiple of this inside the derainer.
        quantisation: How floats became uint8: ``trunc`` or ``round`` (or ``none`` where there are no floats).
    """

    reads: Literal["rainy", "clean"] = "rainy"
    batchable: bool = True
    tileable: bool = False
    multiple_of: int = 1
    quantisation: Literal["trunc", "round", "none"] = "none"


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
    """A loaded task model: looks at restored images and says what it saw, one evidence per image."""

    def __call__(self, images: Sequence[Image], samples: Sequence[Sample], /) -> Sequence[Evidence]: ...


Parameter: TypeAlias = str | int | float | bool | tuple[str | int | float, ...]
Parameters: TypeAlias = Mapping[str, Parameter]


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
    def load(self, id: str, /) -> Sample: ...


class DatasetBuilder(Protocol):
    """Renders one dataset into its folder, image by image; see :mod:`synth.build`."""

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
