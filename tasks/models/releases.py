"""Weights of ultralytics' own releases whose digest nobody has pinned: fetched by HTTPS, the digest noted.

Names and training data are in ``releases.csv``. Weights that are in ``weights.csv`` with a digest go first.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.contract import Options
from bench.errors import UserError
from bench.io.files import atomic, sha256_of, write_text
from bench.io.weights import cache_dir

_TABLE = Path(__file__).with_name("releases.csv")
_RELEASE = "v8.4.0"
_ADDRESS = f"https://github.com/ultralytics/assets/releases/download/{_RELEASE}"


@dataclass(frozen=True)
class ReleasedFile:
    """One weights file of a release.

    Attributes:
        name: The model's name, such as ``yolov8n``.
        trained_on: The label space that the model was trained on.
    """

    name: str
    trained_on: str

    @property
    def file(self) -> str:
        """Name the file."""
        return f"{self.name}.pt"

    @property
    def url(self) -> str:
        """Name the file's address."""
        return f"{_ADDRESS}/{self.file}"

    @property
    def place(self) -> Path:
        """Name the place of the downloaded file; its digest is in the file of that name with ``.sha256``."""
        return cache_dir() / f"ultralytics-{_RELEASE}" / self.file


@cache
def released_files() -> Mapping[str, ReleasedFile]:
    """Read the table of releases: name to file."""
    with _TABLE.open(newline="", encoding="utf-8") as file:
        return {row["name"]: ReleasedFile(row["name"], row["trained_on"]) for row in csv.DictReader(file)}


def noted_digest(file: ReleasedFile) -> str:
    """Read the SHA-256 that one released file had when it was downloaded; empty if it was not."""
    note = file.place.with_name(f"{file.file}.sha256")
    return note.read_text(encoding="utf-8").strip() if file.place.is_file() and note.is_file() else ""


def noted_digests(names: set[str]) -> dict[str, str]:
    """Look up the noted SHA-256 of those models of a run that come from a release, by file name."""
    files = [file for name, file in released_files().items() if name in names]
    return {file.file: digest for file in files if (digest := noted_digest(file))}


def locate_released(file: ReleasedFile, options: Options) -> Path:
    """Find one released file: downloaded earlier, by hand in the user's folders, or downloaded now.

    Raises:
        UserError: It cannot be had, or is not the file that was downloaded.
    """
    if noted := noted_digest(file):
        if sha256_of(file.place) != noted:
            raise UserError(f"{file.place} was changed after its download; delete it, and it is downloaded again")
        return file.place
    for folder in options.weights_dirs:
        if found := next(iter(sorted(folder.rglob(file.file))), None):
            return found
    if options.offline:
        raise UserError(
            f"weights {file.name!r} are not here and --offline is set. Get {file.url} and pass --weights-dir FOLDER"
        )
    return _download(file)


def _download(file: ReleasedFile) -> Path:
    import pooch

    with atomic(file.place) as part:
        try:
            pooch.HTTPDownloader(progressbar=False, timeout=60)(file.url, str(part), None)
        except Exception as error:  # whatever the network library raises, the user needs the same advice
            raise UserError(
                f"weights {file.name!r} could not be downloaded from {file.url} ({type(error).__name__}). Download "
                "them by hand and pass --weights-dir FOLDER"
            ) from error
    write_text(file.place.with_name(f"{file.file}.sha256"), sha256_of(file.place) + "\n")
    return file.place
