"""Find and load the files of weights that each derainer needs; PyTorch is imported by loading alone."""

from __future__ import annotations

import csv
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contract import Options
from bench.errors import UserError
from bench.io.files import sha256_of
from bench.io.weights import (
    WeightsFile,
    locate_weights,
    read_weights_table,
    search_path,
    weights_digest,
)

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Unpinned:
    """A derainer of which ``weights.csv`` does not have all files.

    Attributes:
        name: The derainer.
        files: Stems of the files that it loads, of which no digest is known; empty if it needs none.
        how: Instructions for a person to get them; empty if nobody publishes them.
        paper: Authors and venue.
        licence: Licence of the weights, or of our code where there are none.
        trained_on: Data set.
    """

    name: str
    files: tuple[str, ...]
    how: str
    paper: str
    licence: str
    trained_on: str


@cache
def unpinned_table() -> dict[str, Unpinned]:
    """Read ``unpinned.csv``: derainer name to its row."""
    with Path(__file__).with_name("unpinned.csv").open(newline="", encoding="utf-8") as file:
        rows = [
            Unpinned(
                name=row["name"],
                files=tuple(row["files"].split()),
                how=row["how"],
                paper=row["paper"],
                licence=row["licence"],
                trained_on=row["trained_on"],
            )
            for row in csv.DictReader(file)
        ]
    return {row.name: row for row in rows}


@cache
def weights_table() -> dict[str, tuple[WeightsFile, ...]]:
    """Read ``weights.csv``: derainer name to its files; a name without files is left out."""
    return read_weights_table(Path(__file__).with_name("weights.csv"))


def weights_of(name: str) -> tuple[WeightsFile, ...]:
    """List the published files of one derainer; empty if it needs none."""
    return weights_table().get(name, ())


def weights_paths(name: str, options: Options) -> tuple[Path, ...]:
    """Find the files of one derainer in the table's order: the user's own, or the verified ones, downloaded if need be.

    Raises:
        UserError: A file cannot be had; the message says what to do.
    """
    if options.weights_file:
        return own_files(name, options.weights_file)
    return tuple(locate_weights(entry, options) for entry in weights_of(name))


def own_files(name: str, file: Path) -> tuple[Path, ...]:
    """List the files of a user's own checkpoint for one derainer: the one named, and those that belong to it.

    Raises:
        UserError: The derainer has no weights or takes several files that are not one checkpoint, a file is not
            here, or it says itself that it is of another network.
    """
    files = [Path(entry.file) for entry in weights_of(name)] or [Path(stem) for stem in _unpinned_files(name)]
    if not files:
        raise UserError(f"{name}@{file}: {name} has no weights that a file could hold; name a network")
    if len({path.stem for path in files}) > 1:
        listed = ", ".join(imported_file(path.stem) for path in files)
        raise UserError(
            f"{name}@{file}: {name} has {len(files)} files; pass --weights-dir FOLDER, which holds {listed}"
        )
    if len(files) > 1 and file.suffix != files[0].suffix:
        listed = f"{file.stem}{files[0].suffix} and {file.stem}{files[1].suffix}"
        raise UserError(f"{name}@{file}: {name} reads a pair of files; name the first of {listed}")
    own = tuple(file.with_suffix(path.suffix) for path in files) if len(files) > 1 else (file,)
    if absent := next((path for path in own if not path.is_file()), None):
        raise UserError(f"{name}@{file}: no such file {absent}")
    if (stated := stated_network(file)) not in ("", name):
        raise UserError(f"{file}: says that it holds {stated}, not {name}; name it {stated}@{file}")
    return own


def stated_network(file: Path) -> str:
    """Read which network a ``.safetensors`` file of ``derainbench train`` holds; empty for any other file.

    Raises:
        UserError: It is no readable file.
    """
    if file.suffix != ".safetensors":
        return ""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="np") as opened:
            return str((opened.metadata() or {}).get("network", ""))
    except (SafetensorError, OSError) as error:
        raise UserError(f"{file}: not a readable .safetensors file ({error})") from error


def load_official(network: nn.Module, name: str, options: Options, part: str = "") -> None:
    """Load the one published checkpoint of a derainer into a network of the official layout.

    Args:
        network: Receives the tensors; put into evaluation mode.
        name: A name in ``weights.csv`` with exactly one file.
        options: Folders of weights, or the user's own checkpoint.
        part: Key of the checkpoint under which the tensors are, where several parts hold such tensors.

    Raises:
        UserError: The file cannot be had, is hostile, or belongs to another network.
    """
    (path,) = weights_paths(name, options)
    load_file(network, path, part)


def load_file(network: nn.Module, path: Path, part: str = "", unknown_allowed: bool = False) -> None:
    """Load one file of tensors into a network, and put it into evaluation mode.

    Args:
        network: Receives the tensors.
        path: A checkpoint.
        part: Key of the checkpoint under which the tensors are, where they are not outermost.
        unknown_allowed: True leaves out tensors that the network has no place for.

    Raises:
        UserError: The file is hostile, or belongs to another network.
    """
    from bench.io.checkpoints import load_state, network_state, read_checkpoint

    content = read_checkpoint(path)
    inner = content.get(part)
    known = network.state_dict()
    state = network_state(inner if isinstance(inner, dict) else content, known)
    if unknown_allowed:
        state = {key: value for key, value in state.items() if key in known}
    load_state(network, state, str(path))
    network.eval()


def read_official(name: str, options: Options, names: Collection[str]) -> tuple[dict[str, object], str]:
    """Read the one checkpoint of a derainer whose layout or design has to be seen before it is loaded.

    Args:
        name: A name in ``weights.csv`` with exactly one file.
        options: Folders of weights, or the user's own checkpoint.
        names: Names of tensors that such a checkpoint has; they tell where in the file the state dict is.

    Returns:
        The state dict with the network's own names, and its origin for messages.

    Raises:
        UserError: The file cannot be had, or is hostile.
    """
    from bench.io.checkpoints import network_state, read_checkpoint

    (path,) = weights_paths(name, options)
    return network_state(read_checkpoint(path), names), str(path)


def imported_file(name: str) -> str:
    """Name the file into which a derainer's checkpoint of another format is imported."""
    return f"{name}.safetensors"


def find_imported(name: str, options: Options) -> Path | None:
    """Find a checkpoint without a pinned digest: the user's own, or ``<name>.safetensors`` or ``.pth`` of a folder."""
    if options.weights_file:
        return own_files(name, options.weights_file)[0]
    for folder in search_path(options):
        for path in (folder / imported_file(name), folder / f"{name}.pth"):
            if path.is_file():
                return path
    return None


def load_imported(
    network: nn.Module, name: str, options: Options, file: str = "", part: str = "", unknown_allowed: bool = False
) -> None:
    """Load a checkpoint of which no digest is known, because its authors offer it by a web page only.

    Args:
        network: Receives the tensors; put into evaluation mode.
        name: The derainer, a row of ``unpinned.csv``.
        options: Folders of weights, and whether random weights will do.
        file: Stem of the file: ``<file>.pth`` or ``<file>.safetensors``; the derainer's name if empty.
        part: Key of the checkpoint under which the tensors are, where they are not outermost.
        unknown_allowed: True leaves out tensors that the network has no place for.

    Raises:
        UserError: The file is absent, hostile, or of another network.
    """
    path = find_imported(file or name, options)
    if path is not None:
        load_file(network, path, part, unknown_allowed)
    elif options.allow_random_weights:
        randomise(network)
    else:
        raise absent(name)


def randomise(network: nn.Module) -> None:
    """Give a network the same random weights each time, and put it into evaluation mode."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for module in network.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
    network.eval()


def absent(name: str) -> UserError:
    """Make the error that says how to get the weights of a derainer of ``unpinned.csv``."""
    how = unpinned_table()[name].how
    if how:
        return UserError(f"the weights of {name} are not here. {how}")
    return UserError(
        f"nobody publishes weights of {name}. Train it (derainbench train {name} --photographs DIR) and pass "
        f"--weights-dir {name}, the folder with {imported_file(name)}; to run it as it is, untrained, pass "
        "--allow-random-weights"
    )


def require_weights(name: str, options: Options) -> None:
    """Make sure that all weights of a built-in derainer are here before any work begins, and download what can be.

    Raises:
        UserError: Weights cannot be had; the message says what to do.
    """
    if not has_weights(name, options) and not options.allow_random_weights:
        raise absent(name)
    weights_paths(name, options)


def has_weights(name: str, options: Options) -> bool:
    """Return True if all files of a derainer that only a person can get are here, or if it needs none."""
    return all(find_imported(file, options) for file in _unpinned_files(name))


def weights_page_only(name: str) -> bool:
    """Return True if a person has to fetch this derainer's weights, which ``weights_of`` therefore does not list."""
    return bool(_unpinned_files(name))


def weights_key(name: str, options: Options) -> str:
    """Identify the weights that a derainer would load, by the digests of its published or imported files."""
    paths = [find_imported(file, options) for file in _unpinned_files(name)]
    return weights_digest(weights_of(name)) + "+".join(sha256_of(path) if path else "absent" for path in paths)


def _unpinned_files(name: str) -> tuple[str, ...]:
    row = unpinned_table().get(name)
    return row.files if row else ()
