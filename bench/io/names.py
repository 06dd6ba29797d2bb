"""Compare file names as people read them, and name files without whose machine they are on.

The letter é may be stored as one character (NFC) or as two (NFD).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from typing import TypeVar
from unicodedata import normalize

Value = TypeVar("Value")

_MOST_COMPARED = 2000
"""Names among which the nearest is sought; comparing takes about 10 microseconds each."""
_FOLDERS = re.compile(r"(^|[:@=])/(?:[^/]+/)*(?=[^/])")
"""The folders of an absolute path that stands alone or behind a backend, network or row; of no URL."""


def align_names(files: Mapping[str, Value], names: Collection[str]) -> dict[str, Value]:
    """Rename each key of a mapping to the name that differs from it in its Unicode form alone, if there is one.

    Args:
        files: Values by name, such as the files of one folder by stem.
        names: The names by which they will be looked up, such as the stems of another folder.
    """
    wanted = {normalize("NFC", name): name for name in names if name not in files}
    known = set(names)
    return {key if key in known else wanted.get(normalize("NFC", key), key): value for key, value in files.items()}


def nearest_name(name: str, names: Collection[str]) -> str:
    """Find the name that is most like another; empty if none is like it."""
    near = difflib.get_close_matches(name, sorted(names)[:_MOST_COMPARED], n=1)
    return near[0] if near else ""


def portable_name(spec: str) -> str:
    """Leave out of the name of a derainer or model where on this machine its file is.

    Args:
        spec: Such as ``ultralytics:/data/yolov8n.pt``, ``mine=prenet@/data/net.pth`` or ``/data/mine.py:build``.

    Returns:
        The same with the file's name alone; published names, relative paths and URLs stay as they are.
    """
    return _FOLDERS.sub(r"\1", spec)
