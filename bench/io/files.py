"""Write files that are whole or not there (temporary name, flush, rename); digests, keys and safe names."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench.errors import UserError

_DISK_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}
"""Full, over quota, read-only, forbidden, broken: the next file would fare no better."""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; move it into place if the block ends well, else remove it.

    Raises:
        UserError: The disk is full or cannot be written.
    """
    with disk_errors_as_user_errors(path), _atomic(path) as part:
        yield part


@contextmanager
def disk_errors_as_user_errors(path: Path) -> Iterator[None]:
    """Context manager: re-raise the OSError of a full or read-only disk as :class:`UserError` naming ``path``."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK_FAULTS:
            raise
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "make room" if full else "see to the folder's permissions and its disk, or choose another folder"
        raise UserError(
            f"{path}: cannot be written ({error.strerror}). What is finished is kept: {advice}, "
            "and give the same command again"
        ) from error


@contextmanager
def _atomic(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / f".{path.name[:80]}.{os.getpid()}-{secrets.token_hex(4)}.part"
    part.open("xb").close()  # with the rights that the user's umask gives
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def csv_errors_as_user_errors(path: Path) -> Iterator[None]:
    """Context manager: re-raise errors of reading a damaged CSV file as :class:`UserError` naming ``path``."""
    try:
        yield
    except (OSError, ValueError) as error:  # absent, empty, not UTF-8, rows of different lengths
        raise UserError(
            f"{path}: damaged ({' '.join(str(error).split())}); give the command that wrote it again"
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically, with Unix line ends on every system; what is no text becomes escapes."""
    with atomic(path) as part:
        part.write_bytes(text.encode("utf-8", errors="backslashreplace"))


def write_json(path: Path, value: object) -> None:
    """Write JSON atomically, indented and with sorted keys, so that equal values give equal bytes."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def sha256_of(path: Path) -> str:
    """Compute the SHA-256 of one file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key_of(*parts: object) -> str:
    """Compute a short content key (32 hexadecimal digits) of JSON-serialisable parts, in order."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def safe_name(name: str) -> str:
    """Make a file name of an image id or a row name: no separators, no leading dot, reversible."""
    quoted = quote(name, safe=" ()+,=@")
    return "%2E" + quoted[1:] if quoted.startswith(".") else quoted


def read_json(path: Path, object_hook: Callable[[dict[str, Any]], object] | None = None) -> object:
    """Parse a JSON file.

    Args:
        path: The file.
        object_hook: Given every object of the file as it is read, inner ones first; gives what takes its place.

    Raises:
        UserError: It is absent, or not JSON.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such label file")
    try:
        return json.loads(path.read_bytes(), object_hook=object_hook)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not valid JSON ({error}); is the download complete?") from error
