"""A detector, or with masks an instance segmenter, in one Python file of the user's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.contract import ClassSpace, Detections, Image, Options
from tasks.models.answers import detections_of
from tasks.models.own import OwnFunction, OwnModel, find_own


@dataclass(frozen=True)
class OwnDetector:
    """A loaded model.

    Attributes:
        function: The user's.
        space: Its classes; the dataset's if it does not name its own.
        masked: Whether masks are asked for.
    """

    function: OwnFunction
    space: ClassSpace
    masked: bool

    def __call__(self, images: Sequence[Image]) -> Sequence[Detections]:
        """Detect objects in several images; an answer that cannot be used is an ``ImageError``."""
        answers = self.function(list(images))
        return [
            detections_of(answer, (image.shape[0], image.shape[1]), self.space, self.masked)
            for answer, image in zip(answers, images, strict=True)
        ]


@dataclass(frozen=True)
class OwnSource:
    """A model that finds objects, before its file is run.

    Attributes:
        model: The file.
        masked: Whether masks are asked for.
    """

    model: OwnModel
    masked: bool

    @property
    def label(self) -> str:
        """Short name for tables."""
        return self.model.label

    @property
    def facts(self) -> Mapping[str, object]:
        """The file's code; what it suppresses is its own affair."""
        return {**self.model.facts, "nms_overlap": "its own"}

    @property
    def space(self) -> ClassSpace | None:
        """Its classes, if the file names them."""
        return self.model.space

    def load(self, options: Options, dataset: ClassSpace) -> OwnDetector:
        """Run the file.

        Raises:
            UserError: It fails.
        """
        return OwnDetector(self.model.load(options), self.space or dataset, self.masked)


def find_detector(spec: str, masked: bool) -> OwnSource:
    """Resolve ``path/to/mine.py:build``; ``masked`` for instance segmentation.

    Raises:
        UserError: There is no such file.
    """
    return OwnSource(find_own(spec), masked)
