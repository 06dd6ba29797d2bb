"""Find published weights by their SHA-256 in the user's folders, or download and verify them.

A table of weights is a CSV file beside the code that uses it, one row a file:

``name,file,url,page,bytes,sha256,licence,paper,trained_on``

``name`` groups the files of one model. ``url`` is a direct HTTPS address; where there is only a web page
(a cloud drive), ``url`` is empty and ``page`` says where a person gets the file. ``bytes`` is empty where only the
digest is known. Files that come with the package lie in the folder ``weights_shipped`` beside the table, each with a
card of the same name.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

from bench.contract import Options
from bench.errors import UserError
from bench.io.files import atomic, sha256_of

_COLUMNS = ("name", "file", "url", "page", "bytes", "sha256", "licence", "paper", "trained_on")

WEIGHTS_VARIABLE = "DERAINBENCH_WEIGHTS"
"""Environment variable with further folders of weights, separated as in ``PATH``."""

SHIPPED = "weights_shipped"
"""Folder beside a table with those of its files that come with the package."""

State = Literal["present", "download", "by hand"]


@dataclass(frozen=True)
class WeightsFile:
    """One row of a table of weights.

    Attributes:
        bytes: Its size; 0 if unknown, and then the file is looked for by name as well as by digest.
        shipped: Where the file is if it came with the package; None for a row of no table.
    """

    name: str
    file: str
    url: str
    page: str
    bytes: int
    sha256: str
    licence: str
    paper: str
    trained_on: str
    shipped: Path | None = None


def read_weights_table(path: Path) -> dict[str, tuple[WeightsFile, ...]]:
    """Read a table of weights: model name to its files.

    Raises:
        UserError: A row without a digest, or with an address that is not HTTPS.
    """
    table: dict[str, tuple[WeightsFile, ...]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            text = {name: row[name].strip() for name in _COLUMNS}
            if len(text["sha256"]) != 64 or (text["url"] and not text["url"].startswith("https://")):
                raise UserError(f"{path}: row {text['name']!r} needs a sha256 of 64 digits and an https:// address")
            entry = WeightsFile(
                name=text["name"],
                file=text["file"],
                url=text["url"],
                page=text["page"],
                bytes=int(text["bytes"] or 0),
                sha256=text["sha256"],
                licence=text["licence"],
                paper=text["paper"],
                trained_on=text["trained_on"],
                shipped=path.parent / SHIPPED / text["file"],
            )
            table[entry.name] = (*table.get(entry.name, ()), entry)
    return table


def cache_dir() -> Path:
    """Return the folder in which downloaded weights are kept."""
    import pooch

    return Path(pooch.os_cache("derainbench")) / "weights"


def search_path(options: Options) -> tuple[Path, ...]:
    """List the folders searched for weights: those of the options, of ``DERAINBENCH_WEIGHTS``, and the cache."""
    listed = os.environ.get(WEIGHTS_VARIABLE, "").split(os.pathsep)
    return (*options.weights_dirs, *(Path(text) for text in listed if text), cache_dir())


def find_weights(entry: WeightsFile, options: Options) -> Path | None:
    """Find one weights file by its digest: shipped with the package, or below a folder of :func:`search_path`."""
    if entry.shipped is not None and entry.shipped.is_file() and sha256_of(entry.shipped) == entry.sha256:
        return entry.shipped
    for folder in search_path(options):
        for path in _files_below(folder):
            if _may_be(path, entry) and sha256_of(path) == entry.sha256:
                return path
    return None


def _may_be(path: Path, entry: WeightsFile) -> bool:
    """Return True if computing a file's digest is worth the time."""
    if entry.bytes:
        return path.stat().st_size == entry.bytes
    published = PurePosixPath(urlsplit(entry.url).path).name or entry.file
    return path.name.endswith((entry.file, published))


def weights_state(entry: WeightsFile, options: Options) -> State:
    """Tell if one weights file is present, can be downloaded, or must be fetched by a person."""
    if find_weights(entry, options):
        return "present"
    return "download" if entry.url else "by hand"


def locate_weights(entry: WeightsFile, options: Options) -> Path:
    """Find one weights file by its digest, or download it if that is allowed; return its path.

    Raises:
        UserError: It cannot be had; the message says what was found instead and what to do.
    """
    if path := find_weights(entry, options):
        return path
    lookalikes = [
        diagnose(path, entry)
        for folder in search_path(options)
        for path in _files_below(folder)
        if path.name == entry.file
    ]
    found = f" Found instead: {'; '.join(lookalikes)}." if lookalikes else ""
    size = f"{entry.bytes} bytes, " if entry.bytes else ""
    wanted = f"weights {entry.name!r} ({entry.file}, {size}sha256 {entry.sha256[:12]}...)"
    if not entry.url:
        where = entry.page or "its authors"
        raise UserError(
            f"{wanted} are not here and cannot be downloaded by a program.{found} "
            f"Get the file from {where} and pass --weights-dir FOLDER"
        )
    if options.offline:
        raise UserError(
            f"{wanted} are not here and --offline is set.{found} Get {entry.url} and pass --weights-dir FOLDER, "
            f"the folder with it as {entry.file}"
        )
    return _download(entry, wanted, found)


def diagnose(path: Path, entry: WeightsFile) -> str:
    """Say in a few words why a file is not the wanted one."""
    with path.open("rb") as file:
        head = file.read(256)
    start = head.lstrip().lower()
    if start.startswith((b"<!doctype", b"<html")):
        return f"{path} is a web page saved under the name of the weights; download the file itself"
    if head.startswith(b"version https://git-lfs"):
        return f"{path} is a Git LFS pointer; run 'git lfs pull' where it came from"
    size = path.stat().st_size
    if size < entry.bytes:
        return f"{path} is truncated ({size} of {entry.bytes} bytes); download it again"
    return f"{path} has another digest (sha256 {sha256_of(path)[:12]}...); it is another file or was changed"


def weights_digest(files: Iterable[WeightsFile]) -> str:
    """Join the digests of a model's files to one text, which is known without having the files."""
    return "+".join(entry.sha256 for entry in files)


def _files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []


def _download(entry: WeightsFile, wanted: str, found: str) -> Path:
    import pooch

    target = cache_dir() / f"{entry.sha256[:12]}-{entry.file}"
    with atomic(target) as part:
        try:
            pooch.HTTPDownloader(progressbar=False, timeout=60)(entry.url, str(part), None)
        except Exception as error:  # whatever the network library raises, the user needs the same advice
            raise UserError(
                f"{wanted} could not be downloaded from {entry.url} ({type(error).__name__}).{found} "
                "Download it by hand and pass --weights-dir FOLDER"
            ) from error
        if sha256_of(part) != entry.sha256:
            raise UserError(
                f"{wanted}: the download from {entry.url} is wrong: {diagnose(part, entry)}. Nothing was kept. If it "
                f"is so again, its authors may have replaced the file: ask at {entry.page}, or report the new digest"
            )
    return target
