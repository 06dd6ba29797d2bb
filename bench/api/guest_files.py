"""Find the files that decide what a plug-in returns: its weights, settings and sibling modules.

They belong into the key of its results. The plug-in is built and tried on one small image in a process of its own,
which reports what it opens; files that libraries open below Python, as safetensors does, are found by their names in
the plug-in's source.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from bench.contract import Options
from bench.io.code_version import code_version
from bench.io.files import sha256_of
from bench.registry import Entry
from bench.runner.loaders import DerainerLoader
from derainers.check import trial_image

TIME_LIMIT_SECONDS = 120.0
"""After that the trial is ended; what was opened until then counts."""
_MOST_FILES = 10_000
"""Files beside a plug-in that are compared with the names in its source."""
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


def guest_files(entry: Entry, options: Options, time_limit_seconds: float = TIME_LIMIT_SECONDS) -> dict[str, str]:
    """Digest the files that a plug-in opens or names.

    Args:
        entry: The plug-in.
        options: With which it is going to be built.
        time_limit_seconds: For building it and restoring one small image.

    Returns:
        File name, relative to the plug-in's folder where it is below, to SHA-256 (of a module: its code version).
    """
    place = entry.target.rpartition(":")[0]
    own = Path(place).resolve() if place.endswith(".py") else None
    found, written = _tried_apart(entry, options, time_limit_seconds)
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


def _tried_apart(entry: Entry, options: Options, time_limit_seconds: float) -> tuple[set[Path], set[Path]]:
    """Files that a plug-in reads, and those that it writes, when it is tried in another process."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as report:
        order = {"entry": asdict(entry), "options": asdict(options), "path": sys.path, "report": report.fileno()}
        order["package"] = os.devnull if entry.target.rpartition(":")[0].endswith(".py") else _package_of(entry)
        process = subprocess.Popen(  # noqa: S603  (this interpreter, with a fixed program)
            [sys.executable, "-c", f"import sys; sys.path[:0] = [{_HOME!r}]\nfrom {__name__} import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(report.fileno(),),
            start_new_session=True,
        )
        try:
            with suppress(subprocess.TimeoutExpired, BrokenPipeError):
                process.communicate(json.dumps(order, default=str).encode(), timeout=time_limit_seconds)
        finally:
            with suppress(ProcessLookupError):  # with all that the plug-in started
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        report.seek(0)
        opened = [(kind, Path(path)) for kind, path in map(json.loads, filter(str.strip, report))]
    read = {path for kind, path in opened if kind == "read"}
    return read, {path for kind, path in opened if kind == "written"}


def serve() -> None:
    """Build and try the plug-in that standard input names, and report every file that is opened meanwhile."""
    order = json.load(sys.stdin)
    sys.path[:] = order["path"]
    report = os.fdopen(order["report"], "w", encoding="utf-8")

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str | bytes):
            path = Path(os.fsdecode(arguments[0])).absolute()
            if _is_of_the_user(path) or path.is_relative_to(order["package"]):
                report.write(json.dumps(["written" if _writes(*arguments[1:]) else "read", str(path)]) + "\n")
                report.flush()

    options = {**order["options"], "weights_dirs": tuple(map(Path, order["options"]["weights_dirs"]))}
    loader = DerainerLoader(Entry(**order["entry"]), Options(**options))
    sys.addaudithook(note)
    loader()(trial_image(64, 96))


def _writes(mode: str | None, flags: int) -> bool:
    return bool(flags & (os.O_WRONLY | os.O_RDWR)) or (mode is not None and any(letter in mode for letter in "wax+"))


def _is_of_the_user(path: Path) -> bool:
    """Tell a user's file from those of Python, its packages and the system, which are in no key."""
    return not (str(path).startswith(_FOREIGN) or _FOREIGN_PARTS.intersection(path.parts) or path.suffix == ".pyc")


def _package_of(entry: Entry) -> str:
    """Folder of an installed plug-in's package, whose data are the plug-in's own."""
    spec = importlib.util.find_spec(entry.target.partition(":")[0].partition(".")[0])
    return str(Path(spec.origin).parent) if spec and spec.origin and spec.submodule_search_locations else os.devnull


def _named_in(sources: Iterable[Path], folder: Path) -> Iterator[Path]:
    """Files whose names stand in Python sources, and which lie below their folder or where the name leads."""
    words = {word for source in sources for word in _words_of(source) if "." in word or os.sep in word}
    names = {Path(word).name for word in words}
    beside = islice((Path(place, name) for place, _, files in os.walk(folder) for name in files), _MOST_FILES)
    yield from (path for path in beside if path.name in names and _is_of_the_user(path))
    for word in words:
        with suppress(OSError, ValueError):
            yield from (path for path in _led_to(word, folder) if path.is_file() and _is_of_the_user(path))


def _led_to(word: str, folder: Path) -> tuple[Path, ...]:
    return folder / word, Path(word).expanduser().absolute()


def _words_of(source: Path) -> set[str]:
    try:
        tree = ast.parse(source.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return set()
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if 0 < len(text) < 300 and "\n" not in text}
