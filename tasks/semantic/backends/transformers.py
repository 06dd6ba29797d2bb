"""transformers' segmenters: SegFormer and its like, and the mask classifiers Mask2Former, OneFormer, EoMT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.contract import ClassSpace, Image, IntArray, Options
from tasks.models.transformers import LoadedTransformer, TransformersModel, find_transformers
from tasks.semantic.segmenter import NO_NORMALISATION, LoadedSegmenter, Normalisation
from tasks.semantic.settings import SemanticSettings

_SUFFIXES = ("ForSemanticSegmentation", "ForUniversalSegmentation")


@dataclass(frozen=True)
class TransformersMaps:
    """A loaded segmenter.

    Attributes:
        model: Network and processor.
    """

    model: LoadedTransformer

    def __call__(self, images: Sequence[Image]) -> Sequence[IntArray]:
        """Label maps (H, W) of several images, as the library's own last step reads the network's outputs."""
        found: list[IntArray] = []
        for outputs, sizes in self.model.answers(images):
            maps = self.model.processor.post_process_semantic_segmentation(outputs, target_sizes=sizes)
            found += [labels.cpu().numpy() for labels in maps]
        return found


@dataclass(frozen=True)
class TransformersSource:
    """A segmenter before it is loaded.

    Attributes:
        model: Settings and weights.
        normalisation: None here: its processor prepares the input.
    """

    model: TransformersModel
    normalisation: Normalisation = NO_NORMALISATION

    @property
    def label(self) -> str:
        """Short name for tables."""
        return self.model.label

    @property
    def digest(self) -> str:
        """Architecture and digest of the weights."""
        return f"{self.model.architecture}:{self.model.digest}"

    @property
    def space(self) -> ClassSpace | None:
        """Its classes, as its settings name them."""
        return self.model.space

    def load(self, options: Options) -> LoadedSegmenter:
        """Load the network.

        Raises:
            MissingExtraError: transformers is not installed.
            UserError: It cannot be had.
        """
        outputs = len(self.model.labels) if self.space is None else len(self.space.ids)
        return LoadedSegmenter(TransformersMaps(self.model.load(options, "semantic")), outputs)


def find_segmenter(text: str, settings: SemanticSettings) -> TransformersSource:
    """Resolve a folder or ``OWNER/NAME@COMMIT``.

    Raises:
        UserError: Neither of them, or no segmenter.
    """
    return TransformersSource(find_transformers(text, _SUFFIXES, settings.trust_checkpoint, "semantic"))
