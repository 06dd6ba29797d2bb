"""Turn the label files of one layout into true objects and label maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from bench.contract import UNLABELLED, Classes, Truth
from bench.errors import ImageError
from bench.io.images import read_label_map
from synth.sources.label_maps import check_label_map
from synth.sources.layouts.objects import LabelFile, instances_of
from synth.sources.layouts.table import ClassList


class Labels(Protocol):
    """Labels of one format."""

    @property
    def classes(self) -> Classes:
        """The classes of the labels."""
        ...

    @property
    def key(self) -> object:
        """What numbers and words mean, as plain values: labels are others where it is another."""
        ...

    def truth(self, path: Path | None, size: tuple[int, int]) -> Truth:
        """Read the labels of one image of this size; raise ImageError when they are absent or wrong."""
        ...

    def file(self, path: Path | None) -> LabelFile:
        """Read the boxes of one label file without its image; empty where labels are no boxes."""
        ...


@dataclass(frozen=True)
class Boxes:
    """A file of boxes an image.

    Attributes:
        classes: The classes.
        parse: Reads one file.
        known: Class ids by what files call them.
    """

    classes: Classes
    parse: Callable[[Path], LabelFile]
    known: Mapping[str, int]

    @property
    def key(self) -> object:
        """What the classes are called, in label files and in tables."""
        space = self.classes.instances
        return dict(self.known), space.names if space else ()

    def truth(self, path: Path | None, size: tuple[int, int]) -> Truth:
        """Read the boxes of one image."""
        return Truth(size, instances_of(self.file(path), size, self.known, str(path))[0])

    def file(self, path: Path | None) -> LabelFile:
        """Read the boxes of one label file without its image."""
        if path is None:
            raise ImageError("there is no label file")
        return self.parse(path)


@dataclass(frozen=True)
class Maps:
    """A label map an image, its numbers translated to class ids."""

    meaning: ClassList

    @property
    def classes(self) -> Classes:
        """The classes of the label maps."""
        return Classes(labels=self.meaning.space)

    @property
    def key(self) -> object:
        """What the numbers mean."""
        return list(self.meaning.numbers.items()), self.meaning.space.names

    def truth(self, path: Path | None, size: tuple[int, int]) -> Truth:
        """Read the label map of one image."""
        if path is None:
            raise ImageError("there is no label map")
        found = read_label_map(path, size)
        table = np.full(256, UNLABELLED, dtype=np.uint8)
        for number, id in self.meaning.numbers.items():
            table[number] = id
        known = check_label_map(found, self.meaning.numbered, (), str(path))
        return Truth(size, None, table[known])

    def file(self, path: Path | None) -> LabelFile:
        """Return no boxes."""
        return LabelFile(())


@dataclass(frozen=True)
class NoLabels:
    """Photographs alone."""

    @property
    def classes(self) -> Classes:
        """Return no classes."""
        return Classes()

    @property
    def key(self) -> object:
        """Nothing."""
        return ()

    def truth(self, path: Path | None, size: tuple[int, int]) -> Truth:
        """Return the size alone."""
        return Truth(size)

    def file(self, path: Path | None) -> LabelFile:
        """Return no boxes."""
        return LabelFile(())
