"""The nouns of DerainBench. Read this file first, then :mod:`bench.protocols`, its verbs.

The only picture that passes between packages is ``Image``: uint8 RGB of shape ``(H, W, 3)``.
Tensors, BGR order, padding, normalisation and half precision stay inside the adapters.
Boxes are ``x1, y1, x2, y2`` in continuous pixels. A label map holds class ids; 255 is not labelled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, TypedDict

import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[np.uint8]
LabelMap: TypeAlias = npt.NDArray[np.uint8]
FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.signedinteger]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

UNLABELLED = 255
"""Value of a label map's pixels that have no class and are never scored."""


class Rle(TypedDict):
    """A binary mask in COCO's compressed run-length encoding (column-major)."""

    size: list[int]
    counts: str


@dataclass(frozen=True)
class ClassSpace:
    """Class ids of a set of labels, with the name of each.

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
        masks: One mask per object, or None when no object has one.
        unmasked: Objects without a mask in an image where others have one: row to name, such as ``annotation 7``.
            Their masks are empty.
    """

    boxes: FloatArray
    class_ids: IntArray
    crowd: BoolArray
    areas: FloatArray
    masks: tuple[Rle, ...] | None = None
    unmasked: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Truth:
    """Labels of one image, and its size ``(height, width)``; a kind of label that the dataset lacks is None."""

    size: tuple[int, int]
    instances: Instances | None = None
    label_map: LabelMap | None = None


REAL_RAIN = "real"
"""A dataset's rain that is in its photographs: they are used as they are, and there is no clean image."""


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
    """Objects that a detector found in one image, N of them in descending order of score.

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


@dataclass(frozen=True)
class MatchedObjects:
    """The detections of one image matched with its true objects, of the scored classes alone.

    Attributes:
        detections: N detections in descending order of score.
        right: (N,) bool, True for a detection with a true partner.
        ignored: (N,) bool, True for a detection on a crowd region: neither right nor wrong.
        truth: The true objects.
    """

    detections: Detections
    right: BoolArray
    ignored: BoolArray
    truth: Instances


Qualities: TypeAlias = Mapping[str, float]
"""Image quality of one image: metric name to value."""

Evidence: TypeAlias = Detections | LabelMap | Qualities
"""Answer of a task's model about one image, stored in a format that the field already reads."""


MOST_DIGITS = 6
"""Decimals with which numbers are written into files; tables can print no more."""

Better: TypeAlias = Literal["higher", "lower", ""]
"""Direction of a metric: which values are better, or empty for what ranks nothing, such as a count."""


@dataclass(frozen=True)
class Metric:
    """Facts of one metric that tables need, whatever its value.

    Attributes:
        name: Name with letters for what varies: ``precision@S/O`` (thresholds), ``iou:RULE``, ``AP[CLASS]``.
        unit: ``dB``, ``%``, or empty for a plain ratio or count.
        better: Direction.
        headline: True shows the metric in short tables.
        short: True shows it also where several tasks share one short table.
        main: True sums its task up: rows are ordered, plotted and put into words by it.
        digits: Decimals of a printed value; 0 for counts.
        meaning: One line for people.
    """

    name: str
    unit: str = ""
    better: Better = ""
    headline: bool = False
    short: bool = False
    main: bool = False
    digits: int = 4
    meaning: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.digits <= MOST_DIGITS:
            raise ValueError(f"metric {self.name!r}: digits are 0 to {MOST_DIGITS}, got {self.digits}")


@dataclass(frozen=True)
class Measure:
    """One number about one row of the table.

    Attributes:
        metric: Name that carries its convention, such as ``psnr_y`` or ``precision@0.25/0.60``.
        value: The number, in ``unit``. NaN is never written: what is undefined has no measure.
        unit: ``dB``, ``%``, or empty for a plain ratio or count.
        images: How many images the value rests on.
        better: Direction. Rows are ranked only by measures that have one.
    """

    metric: str
    value: float
    unit: str
    images: int
    better: Better = ""

    def __post_init__(self) -> None:
        if self.better not in ("higher", "lower", ""):
            raise ValueError(f"measure {self.metric!r}: better is 'higher', 'lower' or empty, got {self.better!r}")


@dataclass(frozen=True, slots=True)
class ImageMeasure:
    """One number about one image."""

    image: str
    metric: str
    value: float


@dataclass(frozen=True)
class ClassMeasure:
    """One number about one class of a dataset.

    Attributes:
        label: The class's name.
        metric: As in :class:`Measure`.
        value: The number, in ``unit``.
        unit: As in :class:`Measure`.
        support: True objects of the class, or its true pixels, on which the value rests.
    """

    label: str
    metric: str
    value: float
    unit: str
    support: int


@dataclass(frozen=True)
class Summary:
    """All numbers that a task derives from its evidence."""

    measures: tuple[Measure, ...]
    per_image: tuple[ImageMeasure, ...] = ()
    per_class: tuple[ClassMeasure, ...] = ()


@dataclass(frozen=True)
class Record:
    """One row of ``records.csv``: a measure and all that is needed to read it.

    Attributes:
        protocol: The scoring rules in one line.
        protocol_hash: Short digest of all that makes two numbers comparable (:mod:`bench.scoring.protocol_hash`); empty
            for published numbers and for runs of a version that did not know it.
        better: Direction of the metric, as in :class:`Measure`.
        untrained: True if the derainer ran with random weights; tables leave such rows out unless asked for them.
        own_guide: True if the model that judges guided the training of the derainer's weights; tables mark the number
            and do not rank it. ``records.csv`` has the column where there is such a number.
    """

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
    protocol_hash: str = ""
    better: Better = ""
    untrained: bool = False
    own_guide: bool = False


@dataclass(frozen=True)
class Failure:
    """One row of ``failures.csv``: an image that could not be rendered, restored, judged or scored."""

    dataset: str
    derainer: str
    task: str
    image: str
    stage: Literal["render", "restore", "judge", "summarise"]
    reason: str


Precision: TypeAlias = Literal["fp32", "tf32", "bf16", "fp16"]
"""In what a network computes."""


@dataclass(frozen=True)
class Options:
    """Device, weights and precision with which derainers and task models run.

    Attributes:
        device: ``cpu``, ``cuda``, ``cuda:1``, ...
        weights_dirs: Folders searched for weights by digest, before the cache and the network.
        weights_file: A checkpoint of the user's own, which one derainer loads in place of its published weights.
        offline: True forbids every download.
        threads: CPU threads of one process; 0 leaves the libraries' default.
        allow_random_weights: True runs a derainer whose weights only a person can get, or that nobody ever
            trained, untrained where they are not here.
        precision: Of a derainer's network in PyTorch: ``fp32``; ``tf32``, float32 whose convolutions on a GPU take
            factors of 10 bits, which is PyTorch's own default; or ``bf16`` or ``fp16`` where PyTorch's autocast takes
            that to be safe. Everything else stays as it is.
        compile: True compiles a derainer's network before its first image.
        batch: Images of one size that a model is given at once; 0 for what fits the device.
    """

    device: str = "cpu"
    weights_dirs: tuple[Path, ...] = ()
    offline: bool = False
    threads: int = 0
    allow_random_weights: bool = False
    precision: Precision = "fp32"
    compile: bool = False
    batch: int = 0
    weights_file: Path | None = None


@dataclass(frozen=True)
class Traits:
    """Properties of a derainer that the runner has to respect.

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


Parameter: TypeAlias = str | int | float | bool | tuple[str | int | float, ...]
Parameters: TypeAlias = Mapping[str, Parameter]
