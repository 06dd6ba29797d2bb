"""Try a plug-in in a process of its own, and learn which files it opens."""

from __future__ import annotations

import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from bench.contract import Options
from bench.registry import Entry
from bench.runner.loaders import DerainerLoader
from derainers.check import trial_image

_HOME = str(Path(__file__).parents[2])
_PACKAGES = ("stdlib", "platstdlib", "purelib", "platlib")
_FOREIGN = tuple(
    f"{place}/"
    for place in (
        *(sysconfig.get_path(name) for name in _PACKAGES),
        *(str(Path(_HOME, name)) for name in ("bench", "derainers", "synth", "tasks")),
        *("/usr", "/lib", "/lib64", "/etc", "/proc", "/sys", "/dev"),
    )
)
"""Where the files of Python, its packages, this project and the system are."""
_FOREIGN_PARTS = frozenset({"site-packages", "dist-packages", ".config"})
_FOREIGN_FOLDERS = (".egg-info", ".dist-info")
"""Facts about installed packages, which libraries read wherever they lie: a development install has them at home."""


@dataclass(frozen=True)
class Patience:
    """How long a trial may take.

    Attributes:
        build_seconds: For starting Python, importing the plug-in and building the derainer.
        call_seconds: For one small image after that.
    """

    build_seconds: float = 120.0
    call_seconds: float = 10.0


def opened_files(entry: Entry, options: Options, patience: Patience) -> tuple[set[Path], set[Path]]:
    """Build a plug-in and restore one small image in another process.

    Returns:
        The user's files that were read, and those that were written, until it ended, died or was out of time.
    """
    ours, theirs = os.pipe()
    order = {"entry": asdict(entry), "options": asdict(options), "path": sys.path, "report": theirs}
    order["package"] = os.devnull if entry.target.rpartition(":")[0].endswith(".py") else _package_of(entry)
    process = subprocess.Popen(  # noqa: S603  (this interpreter, with a fixed program)
        [sys.executable, "-c", f"import sys; sys.path[:0] = [{_HOME!r}]\nfrom {__name__} import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(theirs,),
        start_new_session=True,
        text=True,
    )
    os.close(theirs)
    try:
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.write(json.dumps(order, default=str) + "\n")
                process.stdin.flush()  # and left open: it ends with this process, and then the trial does
        opened = list(_told(ours, patience))
    finally:
        os.close(ours)
        with suppress(ProcessLookupError):  # with all that the plug-in started
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.close()
    read = {Path(path) for kind, path in opened if kind == "read"}
    return read, {Path(path) for kind, path in opened if kind == "written"}


def serve() -> None:
    """Build and try the plug-in that the first line of standard input names; report every file that is opened."""
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.path[:] = order["path"]
    os.set_inheritable(order["report"], False)
    report = os.fdopen(order["report"], "w", encoding="utf-8")

    def tell(kind: str, path: str = "") -> None:
        report.write(json.dumps([kind, path]) + "\n")
        report.flush()

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str | bytes):
            path = Path(os.fsdecode(arguments[0])).absolute()
            if is_of_the_user(path) or path.is_relative_to(order["package"]):
                tell("written" if _writes(*arguments[1:]) else "read", str(path))

    options = {**order["options"], "weights_dirs": tuple(map(Path, order["options"]["weights_dirs"]))}
    loader = DerainerLoader(Entry(**order["entry"]), Options(**options))
    sys.addaudithook(note)
    derainer = loader()
    tell("built")
    derainer(trial_image(64, 96))
    tell("done")


def is_of_the_user(path: Path) -> bool:
    """Tell a user's file from those of Python, its packages and the system, which are in no key."""
    return not (
        str(path).startswith(_FOREIGN)
        or _FOREIGN_PARTS.intersection(path.parts)
        or path.parent.name.endswith(_FOREIGN_FOLDERS)
        or path.suffix == ".pyc"
    )


def _told(pipe: int, patience: Patience) -> Iterator[tuple[str, str]]:
    """Yield what is reported of opened files until the trial is done, dead or out of time."""
    deadline, rest = monotonic() + patience.build_seconds, b""
    while select.select([pipe], [], [], max(0.0, deadline - monotonic()))[0]:
        if not (content := os.read(pipe, 65536)):
            return
        *lines, rest = (rest + content).split(b"\n")
        for kind, path in map(json.loads, lines):
            if kind == "done":
                return
            if kind == "built":
                deadline = monotonic() + patience.call_seconds
            yield kind, path


def _end_with_parent() -> None:
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)


def _writes(mode: str | None, flags: int) -> bool:
    return bool(flags & (os.O_WRONLY | os.O_RDWR)) or (mode is not None and any(letter in mode for letter in "wax+"))


def _package_of(entry: Entry) -> str:
    """Folder of an installed plug-in's package, whose data are the plug-in's own."""
    spec = importlib.util.find_spec(entry.target.partition(":")[0].partition(".")[0])
    return str(Path(spec.origin).parent) if spec and spec.origin and spec.submodule_search_locations else os.devnull
