"""Find the files that decide what a plug-in returns: its weights, settings and sibling modules.

They belong into the key of its results. The plug-in is tried on one small image, and what it opens counts
(:mod:`bench.api.guest_trial`); files that libraries open below Python, as safetensors does, are found by their names
in the plug-in's source.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from bench.api.guest_trial import Patience, is_of_the_user, opened_files
from bench.contract import Options
from bench.io.code_version import code_version
from bench.io.files import sha256_of
from bench.registry import Entry

_MOST_FILES = 10_000
"""Files beside a plug-in that are compared with the names in its source."""


def guest_files(entry: Entry, options: Options, patience: Patience | None = None) -> dict[str, str]:
    """Digest the files that a plug-in opens or names.

    Args:
        entry: The plug-in.
        options: With which it is going to be built.
        patience: How long it is tried.

    Returns:
        File name, relative to the plug-in's folder where it is below, to SHA-256 (of a module: its code version).
    """
    place = entry.target.rpartition(":")[0]
    own = Path(place).resolve() if place.endswith(".py") else None
    found, written = opened_files(entry, options, patience or Patience())
    if own:
        sources = [own, *(path for path in found if path.suffix == ".py")]
        found |= set(_named_in(sources, own.parent))
        found.discard(own)  # which the entry's own code version stands for
    files = sorted({path.resolve() for path in found - written if path.is_file()})
    root = own.parent if own else Path("/")
    return {_name(path, root): _digest(path) for path in files}


def _digest(path: Path) -> str:
    return code_version(path) if path.suffix == ".py" else sha256_of(path)


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _named_in(sources: Iterable[Path], folder: Path) -> Iterator[Path]:
    """Files whose names stand in Python sources, and which lie below their folder or where the name leads."""
    words = {word for source in sources for word in _words_of(source) if "." in word or os.sep in word}
    names = {Path(word).name for word in words}
    beside = islice((Path(place, name) for place, _, files in os.walk(folder) for name in files), _MOST_FILES)
    yield from (path for path in beside if path.name in names and is_of_the_user(path))
    for word in words:
        with suppress(OSError, ValueError):
            led_to = (folder / word, Path(word).expanduser().absolute())
            yield from (path for path in led_to if path.is_file() and is_of_the_user(path))


def _words_of(source: Path) -> set[str]:
    try:
        tree = ast.parse(source.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return set()
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if 0 < len(text) < 300 and "\n" not in text}
