"""Which published files each derainer needs, known without importing PyTorch."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contract import Options
from bench.files import sha256_of
from bench.weights import (
    WEIGHTS_VARIABLE,
    WeightsFile,
    cache_dir,
    locate_weights,
    read_weights_table,
    weights_digest,
)

if TYPE_CHECKING:
    from torch import nn


@cache
def weights_table() -> dict[str, tuple[WeightsFile, ...]]:
    """Derainer name to its files, from ``weights.csv``; a name without files is not in it."""
    return read_weights_table(Path(__file__).with_name("weights.csv"))


def weights_of(name: str) -> tuple[WeightsFile, ...]:
    """The files of one derainer; empty if it needs none."""
    return weights_table().get(name, ())


def weights_paths(name: str, options: Options) -> tuple[Path, ...]:
    """Where the verified files of one derainer lie, in the table's order, downloaded if need be.

    Raises:
        UserError: One of them cannot be had; the message says what to do.
    """
    return tuple(locate_weights(entry, options) for entry in weights_of(name))


def load_official(network: nn.Module, name: str, options: Options, part: str = "") -> None:
    """Load the one published checkpoint of a derainer into a network of the official layout.

    Args:
        network: Receives the tensors; put into evaluation mode.
        name: A name in ``weights.csv`` with exactly one file.
        options: Where to look for the file.
        part: Key of the checkpoint under which the tensors are, where they are not outermost.

    Raises:
        UserError: The file cannot be had, is hostile, or belongs to another network.
    """
    from bench.checkpoints import load_state, read_checkpoint

    (path,) = weights_paths(name, options)
    state = read_checkpoint(path)
    if part:
        inner = state.get(part)
        state = inner if isinstance(inner, dict) else state
    load_state(network, state, str(path))
    network.eval()


def imported_file(name: str) -> str:
    """Name of the file into which a checkpoint of another format is imported."""
    return f"{name}.safetensors"


def find_imported(name: str, options: Options) -> Path | None:
    """An imported checkpoint: ``<name>.safetensors`` in a folder of weights, or in the cache."""
    folders = [*options.weights_dirs, *map(Path, filter(None, os.environ.get(WEIGHTS_VARIABLE, "").split(os.pathsep)))]
    for folder in (*folders, cache_dir()):
        path = folder / imported_file(name)
        if path.is_file():
            return path
    return None


def weights_key(name: str, options: Options) -> str:
    """What identifies the weights that a derainer would load: digests of published or imported files."""
    path = find_imported(name, options) if not weights_of(name) else None
    return sha256_of(path) if path else weights_digest(weights_of(name))
