"""Checkpoints: reading one that may be hostile (tensors only, never code), and what a training leaves behind.

A training leaves ``checkpoint.pt`` to go on from, ``log.csv``, and at the end its weights with their card.
"""

from __future__ import annotations

import math
import pickle
import pickletools
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from bench.errors import MissingExtraError, UserError
from bench.files import atomic, sha256_of, write_json, write_text

if TYPE_CHECKING:
    from torch import Tensor, nn

_CHECKPOINT, _LOG = "checkpoint.pt", "log.csv"
_LONGEST_WORD = 4096
"""Characters without a blank between them in a checkpoint's pickle; state dicts have some hundred at most."""
_PICKLES = 5
"""In a file of PyTorch that is no archive: magic number, version, system, the object, keys of its tensors."""

Receivers = Mapping[str, Callable[[dict[Any, Any]], object]]
"""What takes each part of a checkpoint, in this order: a function that loads a state dict, by the part's name."""


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
        log: One row a checkpoint: step, mean loss since the last one, learning rate, and what else is measured.
        seconds: Time spent so far, over all runs.
    """

    log: tuple[Mapping[str, float], ...] = ()
    seconds: float = 0.0

    @property
    def step(self) -> int:
        """Steps that are done."""
        return int(self.log[-1]["step"]) if self.log else 0


def read_checkpoint(path: Path) -> dict[str, object]:
    """Read the outermost dictionary of a ``.safetensors`` or torch file, on the CPU.

    Raises:
        UserError: The file is no checkpoint, is truncated, or carries anything but tensors and plain values.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("PyTorch", "torch", f"reading {path}") from error
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        _refuse_long_words(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path}: refused: it is not a plain file of tensors, and loading it could run code "
            f"({str(error).splitlines()[0]}). Ask its author for a state dict or a .safetensors file"
        ) from error
    except Exception as error:  # damaged zip, short read, bad header: every library has its own exceptions
        raise UserError(f"{path}: not a readable checkpoint ({type(error).__name__}: {error})") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a dictionary of tensors, found {type(content).__name__}")
    return content


def _refuse_long_words(path: Path) -> None:
    """Refuse a pickle with a word that PyTorch would take minutes or hours to quote in its own refusal.

    Raises:
        UserError: There is such a word, or the file is of a kind that PyTorch wrote until 2017.
        Exception: The file is damaged.
    """
    if tarfile.is_tarfile(path):
        raise UserError(f"{path}: refused: a checkpoint of PyTorch before 0.1.10. Load and save it with a newer one")
    for pickled in _pickles(path):
        for _, value, _ in pickletools.genops(pickled):
            words = value.split() if isinstance(value, str | bytes) else ()
            if any(len(word) > _LONGEST_WORD for word in words):
                raise UserError(
                    f"{path}: refused: it has a word of more than {_LONGEST_WORD} characters. "
                    "Ask its author for a state dict or a .safetensors file"
                )


def _pickles(path: Path) -> Iterator[IO[bytes]]:
    """The pickles of a file of PyTorch, each to be read to its end."""
    with path.open("rb") as file:
        if file.read(4) == b"PK\x03\x04":  # how PyTorch tells an archive; others look at a file's end
            with zipfile.ZipFile(file) as archive:
                for entry in archive.infolist():  # by entry: two may have one name
                    if entry.filename.endswith(".pkl"):
                        with archive.open(entry) as pickled:
                            yield pickled
            return
        file.seek(0)
        for _ in range(_PICKLES):
            if file.tell() < path.stat().st_size:
                yield file


def load_state(network: nn.Module, state: Mapping[Any, object], origin: str) -> None:
    """Load a state dict strictly; every fault is named.

    Args:
        network: The module that receives the tensors.
        state: Names to tensors; a leading ``module.`` (left by data parallelism) is dropped.
        origin: Where the state came from, for messages.

    Raises:
        UserError: Missing or unknown keys, keys that are no names, another shape, something that is no tensor,
            NaN or infinity.
    """
    import torch

    tensors: dict[str, Tensor] = {}
    for name, value in state.items():
        if not isinstance(name, str):
            raise UserError(f"{origin}: has the key {name!r}, expected names of tensors; it is no state dict")
        if not isinstance(value, torch.Tensor):
            raise UserError(f"{origin}: {name!r} is a {type(value).__name__}, expected a tensor")
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise UserError(f"{origin}: {name!r} holds NaN or infinite values; the file is damaged")
        tensors[name.removeprefix("module.")] = value
    wanted = network.state_dict()
    for fault, names in (("lacks", wanted.keys() - tensors.keys()), ("has unknown", tensors.keys() - wanted.keys())):
        if names:
            raise UserError(
                f"{origin}: {fault} {len(names)} of the {len(wanted)} tensors of {type(network).__name__}, "
                f"first {min(names)!r}; it belongs to another network"
            )
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape:
            raise UserError(
                f"{origin}: {name!r} has shape {tuple(tensor.shape)}, expected {tuple(wanted[name].shape)}; "
                "it belongs to another network"
            )
    network.load_state_dict(tensors)


def save_progress(
    folder: Path,
    identity: str,
    parts: Mapping[str, Mapping[str, object]],
    progress: Progress,
    columns: Sequence[str],
) -> None:
    """Write ``checkpoint.pt`` and ``log.csv``, each whole or not at all.

    Args:
        folder: Where to.
        identity: What decides the result: settings and data.
        parts: State dicts by name.
        progress: How far the training is.
        columns: Of the log.
    """
    import torch

    log = [dict(row) for row in progress.log]
    with atomic(folder / _CHECKPOINT) as part:
        torch.save({**parts, "log": log, "seconds": progress.seconds, "identity": identity}, part)
    rows = [",".join(f"{row[column]:.6g}" for column in columns) for row in log]
    write_text(folder / _LOG, "\n".join([",".join(columns), *rows]) + "\n")


def load_progress(folder: Path, identity: str, receivers: Receivers, columns: Sequence[str]) -> Progress:
    """Read a checkpoint, if there is one, and hand its parts to those who go on with them.

    Raises:
        UserError: It is damaged or hostile, or belongs to a training with another identity.
    """
    path = folder / _CHECKPOINT
    if not path.is_file():
        return Progress()
    content = read_checkpoint(path)
    if _in_todays_words(str(content.get("identity"))) != identity:
        raise UserError(
            f"{path}: belongs to a training with other settings or photographs; choose another --out, or remove it"
        )
    log, seconds = content.get("log"), content.get("seconds")
    parts = {name: part for name in receivers if isinstance(part := content.get(name), dict)}
    if len(parts) < len(receivers) or not (isinstance(log, list) and isinstance(seconds, float)):
        raise UserError(f"{path}: not a checkpoint of a training; choose another --out, or remove it")
    try:
        for name, receive in receivers.items():
            receive(parts[name])
        rows = tuple({column: float(row[column]) for column in columns} for row in log)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise UserError(f"{path}: damaged ({type(error).__name__}: {error}); remove it and start again") from error
    if not math.isfinite(seconds) or not all(1 <= row["step"] < math.inf for row in rows):
        raise UserError(f"{path}: damaged (it states no time or no step); remove it and start again")
    return Progress(rows, seconds)


def _in_todays_words(identity: str) -> str:
    """The identity of a training that an earlier version began, whose precisions had other names."""
    for old, new in (("32-true", "fp32"), ("bf16-mixed", "bf16")):
        identity = identity.replace(f'"precision": "{old}"', f'"precision": "{new}"')
    return identity


def receiver(network: nn.Module, folder: Path) -> Callable[[dict[Any, Any]], None]:
    """What loads the network's part of the checkpoint in a folder; see :func:`load_state`."""
    return lambda state: load_state(network, state, str(folder / _CHECKPOINT))


def save_weights(
    folder: Path, name: str, network: nn.Module, card: Mapping[str, object], metadata: Mapping[str, str] | None = None
) -> dict[str, object]:
    """Write ``<name>.safetensors`` in half precision, and its card ``<name>.json`` with its digest.

    Args:
        folder: Where to.
        name: The weights' name.
        network: The trained network. Its whole numbers (counters of normalisation layers) stay what they are.
        card: What a reader must know: command, data, steps, measured quality, ...
        metadata: What the file itself has to say.

    Returns:
        The card with file name, size and digest.

    Raises:
        UserError: A weight does not fit half precision: the training went astray.
    """
    import torch
    from safetensors.torch import save_file

    state = {key: value.detach().cpu() for key, value in network.state_dict().items()}
    halves = {
        key: (value.half() if value.is_floating_point() else value).contiguous().clone() for key, value in state.items()
    }
    if wrong := [key for key, value in halves.items() if not torch.isfinite(value).all()]:
        raise UserError(f"{name}: {wrong[0]} does not fit half precision or is no number; train with a lower rate")
    target = folder / f"{name}.safetensors"
    with atomic(target) as part:
        save_file(halves, part, metadata=dict(metadata) if metadata else None)
    content = {**card, "file": target.name, "bytes": target.stat().st_size, "sha256": sha256_of(target)}
    write_json(folder / f"{name}.json", content)
    return content
