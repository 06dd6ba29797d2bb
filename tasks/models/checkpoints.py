"""Find a task model's checkpoint: a file of the user's, or a published one named in ``weights.csv``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.contract import Options
from bench.errors import UserError, did_you_mean
from bench.io.files import sha256_of
from bench.io.onnx_files import digest_of_onnx
from bench.io.weights import WeightsFile, locate_weights, read_weights_table
from tasks.models.releases import ReleasedFile, locate_released, released_files

WEIGHTS_TABLE = Path(__file__).parents[1] / "weights.csv"


@dataclass(frozen=True)
class Checkpoint:
    """A task model's file of weights: the user's own, or a published one.

    Attributes:
        label: Short name for tables.
        digest: SHA-256 of the file, known without having it.
        file: The user's file, or None for a published one.
        published: The row of ``weights.csv`` with that digest, or None.
        release: A file of a release of which no digest is pinned, or None; the digest is then its address.
    """

    label: str
    digest: str
    file: Path | None = None
    published: WeightsFile | None = None
    release: ReleasedFile | None = None

    @property
    def trained_on(self) -> str:
        """Name the label space that published weights were trained on; empty for a file of the user's."""
        known = self.published or self.release
        return known.trained_on if known else ""

    def locate(self, options: Options) -> Path:
        """Find the path of the file; a published one is downloaded if need be and allowed."""
        if self.file is not None:
            return self.file
        if self.published is not None:
            return locate_weights(self.published, options)
        if self.release is not None:
            return locate_released(self.release, options)
        raise ValueError("a checkpoint is a file or a published name")


def find_checkpoint(text: str, suffixes: tuple[str, ...], task: str) -> Checkpoint:
    """Find the checkpoint that the user named behind ``BACKEND:``.

    Args:
        text: A file with one of the suffixes, or a name of ``weights.csv`` or ``releases.csv`` (with or without
            ``.pt``).
        suffixes: File formats that the backend reads.
        task: For messages.

    Raises:
        UserError: No such file or name, or a file of another format.
    """
    suitable = [entry for entries in published_weights().values() for entry in entries if entry.file.endswith(suffixes)]
    published = {entry.file: entry for entry in suitable} | {entry.name: entry for entry in suitable}
    path = Path(text)
    if path.is_file():
        if path.suffix.lower() not in suffixes:
            raise UserError(f"task {task!r}: {path}: expected a file ending in {', '.join(suffixes)}")
        digest = digest_of_onnx(path) if path.suffix == ".onnx" else sha256_of(path)
        known = [entry for entry in published.values() if entry.sha256 == digest]
        return Checkpoint(path.stem, digest, file=path, published=known[0] if known else None)
    if text in published:
        return Checkpoint(published[text].name, published[text].sha256, published=published[text])
    released = {file: entry for entry in released_files().values() for file in (entry.name, entry.file)}
    if text in released and released[text].file.endswith(suffixes):
        return Checkpoint(released[text].name, released[text].url, release=released[text])
    names = [entry.name for entry in suitable] + (list(released_files()) if ".pt" in suffixes else [])
    hint = did_you_mean(text, names, "Published names")
    raise UserError(f"task {task!r}: no such file or published model {text!r}. {hint}")


@cache
def published_weights() -> dict[str, tuple[WeightsFile, ...]]:
    """Read the rows of ``weights.csv`` by model name."""
    return read_weights_table(WEIGHTS_TABLE)
