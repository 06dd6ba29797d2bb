"""Read checkpoints that may be hostile (tensors only, never code), and load state dicts strictly."""

from __future__ import annotations

import pickle
import pickletools
import re
import tarfile
import zipfile
from argparse import Namespace
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path, PosixPath
from typing import IO, TYPE_CHECKING, Any

from bench.errors import UserError, missing_extra

if TYPE_CHECKING:
    from torch import Tensor, nn

_LONGEST_WORD = 4096
"""Characters without a blank between them in a checkpoint's pickle; state dicts have some hundred at most."""
_PICKLES = 5
"""In a file of PyTorch that is no archive: magic number, version, system, the object, keys of its tensors."""
_AVERAGE = re.compile(r"(?<![a-z])ema(?![a-z])", re.IGNORECASE)
"""How trainings call a moving average of the weights, as in ``params_ema``."""


def read_checkpoint(path: Path) -> dict[str, object]:
    """Read the outermost dictionary of a ``.safetensors`` or torch file, on the CPU.

    Raises:
        UserError: The file is no checkpoint, is truncated, or carries anything but tensors and plain values.
    """
    try:
        import torch
    except ImportError as error:
        raise missing_extra(error, "PyTorch", "torch", f"reading {path}") from error
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        _refuse_long_words(path)
        with _harmless_classes():
            content = torch.load(path, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path}: refused: it is not a plain file of tensors, and loading it could run code "
            f"({_culprit(str(error))}). Ask its author for a state dict, as torch.save(network.state_dict(), "
            "'weights.pth') writes it, or a .safetensors file"
        ) from error
    except Exception as error:  # damaged zip, short read, bad header: every library has its own exceptions
        raise UserError(f"{path}: not a readable checkpoint ({type(error).__name__}: {error})") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a dictionary of tensors, found {type(content).__name__}")
    return content


def find_state(content: Mapping[str, object], endings: Sequence[str]) -> dict[str, object] | None:
    """Find a network's state dict in what people save, and drop the prefix of its names.

    A training checkpoint holds the state dict under a name of its own, and a wrapper such as DataParallel, Lightning
    or ``torch.compile`` puts ``module.``, ``model.`` or ``_orig_mod.`` before every name; what lies outside the
    prefix, such as buffers of a normalisation, is none of the network's.

    Args:
        content: A checkpoint's outermost dictionary.
        endings: Names that the network's state dict may hold; the first that is found counts.

    Returns:
        The state dict with the network's own names, or None if none of the names is there.
    """
    for _, state in _dictionaries(content):
        for ending in endings:
            prefixes = [
                name.removesuffix(ending)
                for name in state
                if isinstance(name, str) and (name == ending or name.endswith(f".{ending}"))
            ]
            if prefixes:
                prefix = min(prefixes, key=len)  # a moving average beside the network has the longer one
                return {name[len(prefix) :]: value for name, value in state.items() if str(name).startswith(prefix)}
    return None


def network_state(content: Mapping[str, object], names: Collection[str]) -> dict[str, object]:
    """Find the state dict of a network whose names are known in what people save, and drop the prefix of its names.

    The dictionary and the prefix that have most of the names count; of two that have equally many, a moving average
    (``params_ema``), since that is what its trainers test, then the shorter prefix.

    Args:
        content: A checkpoint's outermost dictionary.
        names: Names of the network's tensors; not all need be there.

    Returns:
        All that has the prefix, without it. Where no name is found, the dictionary that has most tensors, as it is: to
        be refused by :func:`load_state`, which says what it has instead.
    """
    found = [
        ((count, bool(_AVERAGE.search(place + prefix)), -len(prefix)), prefix, state)
        for place, state in _dictionaries(content)
        for prefix, count in _prefixes(state, names).items()
    ]
    if not found:
        sizes = [
            (sum(hasattr(value, "shape") for value in state.values()), state) for _, state in _dictionaries(content)
        ]
        return dict(max(sizes, key=lambda one: one[0])[1])
    _, prefix, state = max(found, key=lambda one: one[0])
    return {name[len(prefix) :]: value for name, value in state.items() if str(name).startswith(prefix)}


def _prefixes(state: Mapping[str, object], names: Collection[str]) -> Counter[str]:
    """Count before how many of a network's names each prefix stands."""
    counts: Counter[str] = Counter()
    for name in state:
        parts = str(name).split(".")
        endings = (".".join(parts[start:]) for start in range(len(parts)))
        if ending := next((text for text in endings if text in names), ""):
            counts[str(name).removesuffix(ending)] += 1
    return counts


def _dictionaries(
    content: Mapping[str, object], place: str = "", depth: int = 2
) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Iterate over a dictionary and those in it, each with the names on the way to it."""
    yield place, content
    for name, value in content.items():
        if depth and isinstance(value, Mapping):
            yield from _dictionaries(value, f"{place}{name}.", depth - 1)


def _harmless_classes() -> AbstractContextManager[object]:
    """Let PyTorch read the plain values that trainings save beside their tensors: parsed arguments and paths."""
    from torch import serialization

    if not hasattr(serialization, "safe_globals"):  # before PyTorch 2.5
        return nullcontext()
    return serialization.safe_globals([Namespace, PosixPath])


def _culprit(message: str) -> str:
    """The class that PyTorch refused, out of its long advice with colours; else the advice's first line."""
    if found := re.search(r"GLOBAL (\S+)", message):
        return f"it holds {found[1]}, which is no tensor"
    return re.sub(r"\x1b\[\d*m", "", message.splitlines()[0])


def _refuse_long_words(path: Path) -> None:
    """Refuse a pickle with a word that PyTorch would take minutes or hours to quote in its own refusal.

    Raises:
        UserError: The file has such a word, or is of a kind that PyTorch wrote until 2017.
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
    """Iterate over the pickles of a file of PyTorch; the caller reads each to its end."""
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
    """Load one state dict into a network, strictly; every fault is named.

    Args:
        network: The module that receives the tensors.
        state: Names to tensors; a leading ``module.`` (left by data parallelism) is dropped.
        origin: Source of the state dict, for messages.

    Raises:
        UserError: As :func:`check_state`.
    """
    network.load_state_dict(check_state(network, state, origin))


def check_state(network: nn.Module, state: Mapping[Any, object], origin: str) -> dict[str, Tensor]:
    """Make sure that one state dict fits a network, which may be on the ``meta`` device, and return its tensors.

    Args:
        network: The module that is to receive the tensors.
        state: Names to tensors; a leading ``module.`` (left by data parallelism) is dropped.
        origin: Source of the state dict, for messages.

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
    missing = [name for name in wanted if name not in tensors]
    unknown = [name for name in tensors if name not in wanted]
    if missing or unknown:
        fault, names, shapes = ("lacks", missing, wanted) if missing else ("has unknown", unknown, tensors)
        instead = f", and has {_told(unknown[0], tensors)} instead" if missing and unknown else ""
        raise UserError(
            f"{origin}: {fault} {len(names)} of the {len(wanted)} tensors of {type(network).__name__}, "
            f"first {_told(names[0], shapes)}{instead}; it belongs to another network"
        )
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape:
            raise UserError(
                f"{origin}: {name!r} has shape {tuple(tensor.shape)}, expected {tuple(wanted[name].shape)}; "
                "it belongs to another network"
            )
    return tensors


def _told(name: str, tensors: Mapping[str, Tensor]) -> str:
    return f"{name!r} of shape {tuple(tensors[name].shape)}"
