from __future__ import annotations

import errno
import fcntl
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bench.errors import UserError
from bench.io.lock import LOCK, locked

HOLD = (
    "import sys, pathlib, bench.io.lock\nwith bench.io.lock.locked(pathlib.Path('.')):\n    print('held', flush=True)\n"
)
HERE = f"process {os.getpid()} on {socket.gethostname()}"


def test_a_folder_is_held_and_let_go(tmp_path: Path) -> None:
    with locked(tmp_path / "new/run"):
        assert (tmp_path / "new/run" / LOCK).read_text() == f"{socket.gethostname()} {os.getpid()}\n"
        with pytest.raises(UserError, match=f"{HERE} works in this folder. Wait for it"), locked(tmp_path / "new/run"):
            pass
        with locked(tmp_path / "other"):
            pass
        with locked(tmp_path / "new/run", "another name"):
            pass
    assert not list((tmp_path / "new/run").iterdir())
    with locked(tmp_path / "new/run"):
        pass


def test_a_process_that_was_killed_holds_nobody_up(tmp_path: Path) -> None:
    program = [sys.executable, "-c", HOLD + "    sys.stdin.read()\n"]
    with subprocess.Popen(
        program, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=f"process {holder.pid} on"), locked(tmp_path):
            pass
        holder.kill()
    assert (tmp_path / LOCK).exists()
    with locked(tmp_path):
        assert str(os.getpid()) in (tmp_path / LOCK).read_text()


def test_an_error_in_the_block_lets_go(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x"), locked(tmp_path):
        raise ValueError("x")
    with locked(tmp_path):
        pass


@pytest.mark.parametrize(
    ("text", "held"),
    [
        (f"{socket.gethostname()} 1\n", True),
        (f"{socket.gethostname()} 999999999\n", False),
        ("elsewhere 999999999\n", True),
        ("", False),
        ("nonsense", False),
    ],
)
def test_where_the_file_system_has_no_locks_the_text_tells(
    text: str, held: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(handle: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unsupported)  # such a file system cannot be made here
    (tmp_path / LOCK).write_text(text)
    if held:
        with (
            pytest.raises(UserError, match=r"works in this folder, or was lost there. Wait for it, or delete .*\.lock"),
            locked(tmp_path),
        ):
            pass
        assert (tmp_path / LOCK).read_text() == text
    else:
        with locked(tmp_path):
            pass
