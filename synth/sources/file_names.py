"""Find the files that a label file names: on another system, in another case, in another Unicode form."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PureWindowsPath
from unicodedata import normalize

from bench.io.images import IMAGE_SUFFIXES
from bench.io.names import nearest_name
from synth.sources.reading import escapes

_MOST_FILES = 200_000
"""Files below a folder that are looked at when a name is not found as it stands."""


@dataclass(frozen=True)
class ImageFiles:
    """The image files below one folder, found by the names that a label file gives them."""

    folder: Path

    def find(self, name: str) -> Path | None:
        """Find the file that a label file means.

        A backslash parts folders as a slash does. Of an absolute path, the last part counts. Where no file has the
        very name, the only one that differs in case or Unicode form is taken.

        Returns:
            The path of an existing file below the folder; None if there is none, or more than one.
        """
        plain = plain_name(name)
        if escapes(plain):
            return None
        if (self.folder / plain).is_file():
            return self.folder / plain
        return self._by_looks.get(_looks(plain))

    def of_stem(self, name: str) -> str:
        """Name the first file that differs from a name in its ending alone; empty if there is none."""
        return self._by_stem.get(_stem(plain_name(name)), "")

    def nearest(self, name: str) -> str:
        """Name the file that is most like a name; empty if none is."""
        return self.of_stem(name) or nearest_name(plain_name(name), list(self._by_stem.values()))

    @cached_property
    def _files(self) -> tuple[Path, ...]:
        return tuple(path for _, path in zip(range(_MOST_FILES), _images_below(self.folder), strict=False))

    @cached_property
    def _by_looks(self) -> Mapping[str, Path | None]:
        found: dict[str, Path | None] = {}
        for path in self._files:
            looks = _looks(path.relative_to(self.folder).as_posix())
            found[looks] = None if looks in found else path
        return found

    @cached_property
    def _by_stem(self) -> Mapping[str, str]:
        names = [path.relative_to(self.folder).as_posix() for path in reversed(self._files)]
        return {_stem(name): name for name in names}


def plain_name(name: str) -> str:
    """Write one file name with slashes; of an absolute path, Windows' or any other, the last part alone."""
    return PureWindowsPath(name).name if is_absolute(name) else name.replace("\\", "/")


def is_absolute(name: str) -> bool:
    """Test one file name for a path from a root or a drive."""
    return re.match(r"[A-Za-z]:[\\/]|[\\/]", name) is not None


def _stem(name: str) -> str:
    return _looks(name).rpartition(".")[0] or _looks(name)


def _looks(name: str) -> str:
    return normalize("NFC", name).casefold()


def _images_below(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(place, name) for name in sorted(names) if Path(name).suffix.lower() in IMAGE_SUFFIXES)
