"""Download the COCO photographs that a benchmark chooses, and the labels, and nothing else."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from bench.contract import Failure
from bench.errors import ImageError, UserError
from bench.io.files import atomic, sha256_of
from bench.io.images import read_image
from synth.datasets.selection import Policy, choose
from synth.sources.coco import CocoSource, list_coco

_TIMEOUT_SECONDS = 30
_ATTEMPTS = 3
_CONNECTIONS = 8


@dataclass(frozen=True)
class CocoSite:
    """Addresses where COCO is published.

    Attributes:
        images: Address of the folder of a split's images.
        archive: Address of the archive of labels.
        archive_sha256: Digest of the archive.
        member: Name of the instances JSON in the archive, and below the root.
        member_sha256: Digest of that file.
    """

    images: str
    archive: str
    archive_sha256: str
    member: str
    member_sha256: str


VAL2017 = CocoSite(
    images="https://s3.amazonaws.com/images.cocodataset.org/val2017",
    archive="https://s3.amazonaws.com/images.cocodataset.org/annotations/annotations_trainval2017.zip",
    archive_sha256="113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
    member="annotations/instances_val2017.json",
    member_sha256="e8c7f7908f1d7278341fae127d0da654f102f11bd7b21d8aeefa635b8c810b6f",
)
"""COCO's validation images of 2017. The site's own name has no certificate; its storage under another name has."""


def fetch_coco(
    root: Path, policy: Policy, site: CocoSite = VAL2017, after_image: Callable[[str], None] | None = None
) -> tuple[CocoSource, Sequence[Failure]]:
    """Download the labels and the chosen photographs into a COCO folder, leaving alone what is there.

    An image is moved into place when it decodes and has the size that the labels state.

    Args:
        root: The COCO folder, which may not exist yet.
        policy: Which photographs; the same choice as a benchmark with this policy makes.
        site: Where from.
        after_image: Called with the id of each photograph when it is done, from several threads.

    Returns:
        The source, and the photographs that could not be had.

    Raises:
        UserError: The labels cannot be had, or too few photographs fit the policy.
    """
    labels = root / site.member
    if not labels.is_file():
        _fetch_labels(labels, site)
    folder = root / site.images.rpartition("/")[2]
    source = list_coco(labels, folder)
    wanted = choose(source, policy)

    def fetch(image_id: str) -> Failure | None:
        reason = _fetch_image(source, image_id, site)
        if after_image is not None:
            after_image(image_id)
        return Failure(source.name, "", "", image_id, "render", reason) if reason else None

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        results = list(pool.map(fetch, wanted))
    return source, [failure for failure in results if failure is not None]


def _fetch_labels(path: Path, site: CocoSite) -> None:
    with atomic(path) as part:
        archive = part.with_name(f"{part.name}.zip")
        try:
            _download(site.archive, archive)
            _expect(archive, site.archive_sha256, site.archive)
            with zipfile.ZipFile(archive) as content:
                part.write_bytes(content.read(site.member))
            _expect(part, site.member_sha256, f"{site.member} in {site.archive}")
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise UserError(
                f"cannot download {site.archive} ({type(error).__name__}: {error}). Check the connection, or put "
                f"{site.member} into the COCO folder by hand"
            ) from error
        finally:
            archive.unlink(missing_ok=True)


def _fetch_image(source: CocoSource, image_id: str, site: CocoSite) -> str:
    """Download one image unless it is there; return why it could not be had, or an empty text."""
    record = source.records[image_id]
    if record.fault or record.path.is_file():
        return record.fault
    url = f"{site.images}/{quote(record.path.relative_to(source.folder).as_posix())}"
    try:
        with atomic(record.path) as part:
            _download(url, part)
            read_image(part, record.size)
    except (OSError, ImageError) as error:
        return f"{url}: {error}"
    return ""


def _download(url: str, path: Path) -> None:
    import pooch

    downloader = pooch.HTTPDownloader(timeout=_TIMEOUT_SECONDS)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            downloader(url, str(path), None)
            return
        except OSError:
            if attempt == _ATTEMPTS:
                raise


def _expect(path: Path, sha256: str, what: str) -> None:
    found = sha256_of(path)
    if found != sha256:
        raise UserError(f"{what}: expected sha256 {sha256}, got {found}; the download was damaged or changed")
