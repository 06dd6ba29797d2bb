"""A segmenter in one Python file of the user's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.contract import ClassSpace, Image, IntArray, Options
from tasks.models.answers import label_map_of
from tasks.models.own import OwnFunction, OwnModel, find_own
from tasks.semantic.segmenter import NO_NORMALISATION, LoadedSegmenter, Normalisation


@dataclass(frozen=True)
class OwnMaps:
    """A loaded model.

    Attributes:
        function: The user's.
        space: Its classes; None if it does not name them.
    """

    function: OwnFunction
    space: ClassSpace | None

    def __call__(self, images: Sequence[Image]) -> Sequence[IntArray]:
        """Label maps (H, W) of several images; an answer that cannot be used is an ``ImageError``."""
        answers = self.function(list(images))
        return [
            label_map_of(answer, (image.shape[0], image.shape[1]), self.space)
            for answer, image in zip(answers, images, strict=True)
        ]


@dataclass(frozen=True)
class OwnSource:
    """A segmenter before its file is run.

    Attributes:
        model: The file.
        normalisation: None here: it prepares its input by itself.
    """

    model: OwnModel
    normalisation: Normalisation = NO_NORMALISATION

    @property
    def label(self) -> str:
        """Short name for tables."""
        return self.model.label

    @property
    def digest(self) -> str:
        """Factory and digest of the code."""
        return f"{self.model.facts['factory']}:{self.model.code}"

    @property
    def space(self) -> ClassSpace | None:
        """Its classes, if the file names them."""
        return self.model.space

    def load(self, options: Options) -> LoadedSegmenter:
        """Run the file.

        Raises:
            UserError: It fails.
        """
        return LoadedSegmenter(OwnMaps(self.model.load(options), self.space), len(self.model.classes) or None)


def find_segmenter(spec: str) -> OwnSource:
    """Resolve ``path/to/mine.py:build``.

    Raises:
        UserError: There is no such file.
    """
    return OwnSource(find_own(spec))
