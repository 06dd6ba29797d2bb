"""Write and check ``digests.csv``: the SHA-256 of every file of a finished run."""

from __future__ import annotations

import csv
import io
import warnings
from pathlib import Path

from bench.errors import UserError
from bench.io.files import sha256_of, write_text
from bench.io.lock import LOCK
from bench.runs.folder import LOG

DIGESTS = "digests.csv"


_LEFT_BY_FILE_MANAGERS = frozenset({".DS_Store", ".directory", "Thumbs.db", "desktop.ini"})
_NOT_DIGESTED = {DIGESTS, "timings.csv", "cost.csv", "report.html", LOG, LOCK}

_COLUMNS = ["file", "sha256"]


def write_digests(root: Path) -> None:
    """Write ``digests.csv``: the SHA-256 of every file of a run but timings, costs and log, which differ each time."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows((name, sha256_of(root / name)) for name in files_of(root))
    write_text(root / DIGESTS, text.getvalue())


def read_digests(path: Path) -> dict[str, str]:
    """Read ``digests.csv``: file to its SHA-256.

    Raises:
        UserError: It is damaged.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            if rows.fieldnames != _COLUMNS:  # without rows, another table would pass for no digests
                raise ValueError(f"expected the columns {', '.join(_COLUMNS)}")
            return {str(row["file"]): str(row["sha256"]) for row in rows}
    except (KeyError, ValueError, csv.Error) as error:
        raise UserError(
            f"{path}: damaged ({type(error).__name__}: {error}); it cannot tell what was changed. Remove it to go on"
        ) from error


def check_digests(root: Path) -> list[str]:
    """Compare every file with ``digests.csv``.

    Returns:
        One line a file that was changed, is absent or came later; empty if all is as it was.

    Raises:
        UserError: There are no digests, or they are damaged.
    """
    path = root / DIGESTS
    if not path.is_file():
        raise UserError(f"{path}: no such file; verify a folder in which 'derainbench run' has ended")
    noted = read_digests(path)
    found = set(files_of(root))
    faults = [f"{name}: absent" for name in sorted(noted.keys() - found)]
    faults += [f"{name}: not part of the run" for name in sorted(found - noted.keys())]
    faults += [f"{name}: changed" for name in sorted(found & noted.keys()) if sha256_of(root / name) != noted[name]]
    return faults


def files_of(root: Path) -> list[str]:
    """List the files that ``digests.csv`` names: all of a run but those that differ each time, none beyond a link."""
    names = (path.relative_to(root) for path in root.rglob("*") if path.is_file() and not _is_passing(path.name))
    return sorted(name.as_posix() for name in names if name.as_posix() not in _NOT_DIGESTED)


def _is_passing(name: str) -> bool:
    """Tell an unfinished file, and what file managers leave in every folder that somebody looks at."""
    return name.endswith(".part") or name.startswith("._") or name in _LEFT_BY_FILE_MANAGERS


_WORK = ("data/", "restored/", "evidence/")


def discard_changed(root: Path) -> list[str]:
    """Delete files of a finished run whose SHA-256 differs from ``digests.csv``, so that the run makes them again.

    The digests are removed, too: they are those of a finished run, and are written anew when this one ends.

    Returns:
        Names of the removed files, relative to the run folder.

    Raises:
        UserError: The digests are damaged.
    """
    path = root / DIGESTS
    if not path.is_file():
        return []
    noted = {name: digest for name, digest in read_digests(path).items() if name.startswith(_WORK)}
    # Only what the folder itself holds: the digests may come from somebody else and name anything.
    present = [name for name in files_of(root) if name in noted]
    changed = [name for name in present if sha256_of(root / name) != noted[name]]
    for name in changed:
        (root / name).unlink()
    path.unlink()
    if changed:
        warnings.warn(
            f"{root}: {len(changed)} files were changed after the last run and are made again, first {changed[0]}",
            stacklevel=2,
        )
    return changed
