"""Turn a network's class scores into a label map in the dataset's ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from bench.contract import UNLABELLED, ClassSpace, Image, IntArray, LabelMap, Options, Sample
from tasks.semantic.settings import Triple


@dataclass(frozen=True)
class LoadedNetwork:
    """A network on its device, in evaluation mode.

    Attributes:
        network: Takes (B, 3, H, W) float32, gives (B, K, h, w) class scores.
        outputs: K.
    """

    network: Any
    outputs: int


@dataclass(frozen=True)
class LoadedSegmenter:
    """A model that prepares its input by itself and answers label maps in numbers of its own.

    Attributes:
        segment: Takes N images, gives N label maps (H, W) of whole numbers.
        outputs: How many classes it has; None if it does not say.
    """

    segment: Callable[[Sequence[Image]], Sequence[IntArray]]
    outputs: int | None


@dataclass(frozen=True)
class Normalisation:
    """Mean and deviation by which RGB values in [0, 1] are normalised before they enter a network.

    Attributes:
        mean: Subtracted from each channel.
        deviation: By which each channel is then divided.
    """

    mean: Triple
    deviation: Triple


IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
NO_NORMALISATION = Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


class NetworkSource(Protocol):
    """A segmentation network before it is loaded.

    Attributes:
        label: Short name for tables.
        digest: Digest of its weights and architecture.
        space: Classes of its outputs, or None if they are not known before it is loaded.
        normalisation: Normalisation that the network was trained with, unless the user says otherwise.
    """

    @property
    def label(self) -> str: ...  # noqa: D102
    @property
    def digest(self) -> str: ...  # noqa: D102
    @property
    def space(self) -> ClassSpace | None: ...  # noqa: D102
    @property
    def normalisation(self) -> Normalisation: ...  # noqa: D102

    def load(self, options: Options, /) -> LoadedNetwork | LoadedSegmenter:
        """Load the network. Raises UserError when its weights cannot be had."""
        ...


@dataclass(frozen=True)
class Preparation:
    """Normalisation and padding that turn an image into a network's input.

    Attributes:
        normalisation: Normalisation of RGB values in [0, 1].
        multiple_of: Sides are padded with zeros to a multiple of this, after normalisation.
    """

    normalisation: Normalisation
    multiple_of: int


@dataclass(frozen=True)
class Segmenter:
    """A loaded network that gives every pixel a class of the dataset.

    Attributes:
        network: Takes (B, 3, H, W) float32, gives (B, K, h, w) class scores.
        preparation: Preparation of images as the network's input.
        outputs: Output number to dataset id; outputs without one are predicted as ``UNLABELLED``, which is wrong
            wherever the truth has a label.
        device: Device of the network.
    """

    network: Any
    preparation: Preparation
    outputs: Mapping[int, int]
    device: str

    def __call__(self, images: Sequence[Image], samples: Sequence[Sample]) -> Sequence[LabelMap]:
        """Segment several restored images; on a GPU, images of equal size share a batch."""
        together = self.device.startswith("cuda") and len({image.shape for image in images}) == 1
        groups = [list(images)] if together else [[image] for image in images]
        return [labels for group in groups for labels in self._segment(group)]

    def _segment(self, images: list[Image]) -> list[LabelMap]:
        import torch
        from torch.nn import functional

        batch = torch.stack([_input(image, self.preparation) for image in images]).to(self.device)
        height, width = images[0].shape[:2]
        bottom, right = (-side % self.preparation.multiple_of for side in (height, width))
        padded = functional.pad(batch, (0, right, 0, bottom))
        with torch.inference_mode():
            scores = self.network(padded)
            if isinstance(scores, tuple):  # of an auxiliary head, which answers second
                scores = scores[0]
            if scores.shape[-2:] != padded.shape[-2:]:
                # Scores are resized, never labels: a label between two classes is a third class.
                scores = functional.interpolate(scores, padded.shape[-2:], mode="bilinear", align_corners=False)
        winners = scores[..., :height, :width].argmax(dim=1).cpu().numpy()
        table = np.full(scores.shape[1], UNLABELLED, dtype=np.uint8)
        for output, id in self.outputs.items():
            table[output] = id
        return [table[winner] for winner in winners]


@dataclass(frozen=True)
class Relabeller:
    """A judge whose label maps are a model's own, in the dataset's ids.

    Attributes:
        segment: As in :class:`LoadedSegmenter`.
        outputs: The model's number to dataset id; all others become ``UNLABELLED``, as in :class:`Segmenter`.
    """

    segment: Callable[[Sequence[Image]], Sequence[IntArray]]
    outputs: Mapping[int, int]

    def __call__(self, images: Sequence[Image], samples: Sequence[Sample]) -> Sequence[LabelMap]:
        """Segment several restored images."""
        return [relabel(labels, self.outputs) for labels in self.segment(images)]


def relabel(labels: IntArray, outputs: Mapping[int, int]) -> LabelMap:
    """Map a label map (H, W) number by number to uint8; ``UNLABELLED`` where a number has no counterpart."""
    found, places = np.unique(labels, return_inverse=True)
    table = np.array([outputs.get(int(number), UNLABELLED) for number in found], dtype=np.uint8)
    return table[places].reshape(labels.shape)


def _input(image: Image, preparation: Preparation) -> Any:  # noqa: ANN401  a tensor; torch is imported late
    import torch

    pixels = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1) / 255.0
    mean = torch.tensor(preparation.normalisation.mean).view(3, 1, 1)
    deviation = torch.tensor(preparation.normalisation.deviation).view(3, 1, 1)
    return (pixels - mean) / deviation


def tensors_of(content: dict[str, object]) -> dict[str, object]:
    """Find the state dict of a file, also where it lies inside a training checkpoint."""
    for name in ("state_dict", "segmenter", "model"):
        inner = content.get(name)
        if isinstance(inner, dict):
            return inner
    return content
