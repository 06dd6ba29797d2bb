"""Lock a folder, so that one run at a time works in it; refuse folders that lead elsewhere."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.errors import UserError
from bench.io.files import disk_errors_as_user_errors

LOCK = ".lock"
"""Holds the host and the process that work in the folder. It is gone when they have ended."""


@contextmanager
def locked(folder: Path, name: str = LOCK) -> Iterator[None]:
    """Lock a folder against other processes while a block runs; ``name`` is the lock's file in the folder.

    The kernel drops the lock of a process that dies, however it dies, so what is left of it holds nobody up.

    Raises:
        UserError: Another process works there, or the folder cannot be written.
    """
    path = folder / name
    with disk_errors_as_user_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
        handle = _acquire(path)
    try:
        yield
    finally:
        with suppress(OSError):  # of a disk that became read-only meanwhile; the lock goes with the handle
            path.unlink()  # while it is held, so that nobody else's is hit
        os.close(handle)


def refuse_links(folder: Path) -> None:
    """Refuse a folder with symbolic links to folders, in which a run would write and remove files of others.

    The folder itself may be a link. Links to files within its folders do no harm: they are replaced, not followed.

    Raises:
        UserError: Naming the first such link.
    """
    for place, folders, files in os.walk(folder):
        names = [*folders, *files] if Path(place) == folder else folders
        for path in (Path(place, name) for name in names):
            if path.is_symlink():
                raise UserError(
                    f"{path}: is a symbolic link, and a run writes and removes files there. Put in its place what it "
                    f"leads to; to keep a run on another disk, make all of {folder} a link"
                )


def _acquire(path: Path) -> int:
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise UserError(f"{path}: is a symbolic link; remove it") from error
        try:
            _refuse_others(path, handle)
            if _is_at(path, handle):
                os.truncate(handle, 0)
                os.pwrite(handle, f"{socket.gethostname()} {os.getpid()}\n".encode(), 0)
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # its owner removed it between our opening and locking it


def _refuse_others(path: Path, handle: int) -> None:
    host, _, process = os.pread(handle, 300, 0).decode(errors="replace").strip().partition(" ")
    who = f"process {process} on {host}" if process else "another process"
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UserError(
            f"{path.parent}: {who} works in this folder. Wait for it, end it, or give another --out"
        ) from error
    except OSError as error:  # a file system without locks: the text alone tells
        if process and (host != socket.gethostname() or _runs(process)):
            raise UserError(
                f"{path.parent}: {who} works in this folder, or was lost there. Wait for it, or delete {path}"
            ) from error


def _is_at(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        return False


def _runs(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:  # somebody else's
        pass
    return True
