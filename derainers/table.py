"""Which published files each derainer needs, known without importing PyTorch."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contract import Options
from bench.errors import UserError
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


_UNPINNED = {
    "mspfn": ("mspfn",),
    "mprnet": ("mprnet",),
    "restormer": ("restormer",),
    "didmdn": ("didmdn-residual", "didmdn-density", "didmdn-derain"),
}
"""Derainers whose authors offer their files by web pages only, so that no digest is pinned: stems of the files."""


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
    (path,) = weights_paths(name, options)
    _load(network, path, part)


def imported_file(name: str) -> str:
    """Name of the file into which a checkpoint of another format is imported."""
    return f"{name}.safetensors"


def find_imported(name: str, options: Options) -> Path | None:
    """A checkpoint without a pinned digest: ``<name>.safetensors`` or ``<name>.pth`` among the user's weights."""
    folders = [*options.weights_dirs, *map(Path, filter(None, os.environ.get(WEIGHTS_VARIABLE, "").split(os.pathsep)))]
    for folder in (*folders, cache_dir()):
        for path in (folder / imported_file(name), folder / f"{name}.pth"):
            if path.is_file():
                return path
    return None


def load_imported(
    network: nn.Module, name: str, page: str, options: Options, part: str = "", unknown_allowed: bool = False
) -> None:
    """Load a checkpoint of which no digest is known, because its authors offer it by a web page only.

    Args:
        network: Receives the tensors; put into evaluation mode.
        name: The derainer; the file has to be called ``<name>.pth`` or ``<name>.safetensors``.
        page: Where a person gets it.
        options: Where to look for the file.
        part: Key of the checkpoint under which the tensors are, where they are not outermost.
        unknown_allowed: True leaves out tensors that the network has no place for.

    Raises:
        UserError: There is no such file, it is hostile, or belongs to another network.
    """
    path = find_imported(name, options)
    if path is None:
        raise UserError(
            f"the weights of {name} are not here. Get them from {page}, save them as {name}.pth "
            "and pass --weights-dir FOLDER"
        )
    _load(network, path, part, unknown_allowed)


def has_weights(name: str, options: Options) -> bool:
    """Whether a derainer of ``weights_page_only`` could be built now."""
    return all(find_imported(stem, options) for stem in _UNPINNED.get(name, ()))


def weights_page_only(name: str) -> bool:
    """Whether a person has to fetch this derainer's weights, which ``weights_of`` therefore does not list."""
    return name in _UNPINNED


def weights_key(name: str, options: Options) -> str:
    """What identifies the weights that a derainer would load: digests of its published or imported files."""
    paths = [find_imported(stem, options) for stem in _UNPINNED.get(name, ())]
    return weights_digest(weights_of(name)) + "+".join(sha256_of(path) for path in paths if path)


def _load(network: nn.Module, path: Path, part: str, unknown_allowed: bool = False) -> None:
    from bench.checkpoints import load_state, read_checkpoint

    state = read_checkpoint(path)
    inner = state.get(part)
    state = inner if isinstance(inner, dict) else state
    if unknown_allowed:
        known = network.state_dict()
        state = {key: value for key, value in state.items() if key.removeprefix("module.") in known}
    load_state(network, state, str(path))
    network.eval()
