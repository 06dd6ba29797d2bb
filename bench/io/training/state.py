"""Save and resume a training: checkpoint, log, and weights in half precision with their card."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import UserError
from bench.io.checkpoints import load_state, read_checkpoint
from bench.io.files import atomic, sha256_of, write_json, write_text
from bench.io.training.settings import identity_in_todays_words

if TYPE_CHECKING:
    from torch import nn


_CHECKPOINT, _LOG = "checkpoint.pt", "log.csv"


Receivers = Mapping[str, Callable[[dict[Any, Any]], object]]
"""Functions that load one state dict each, by the name of its part of the checkpoint; called in this order."""


@dataclass(frozen=True)
class TrainingProgress:
    """Log and duration of one training so far.

    Attributes:
        log: One row a checkpoint: step, mean loss since the last one, learning rate, and what else is measured.
        seconds: Seconds spent so far, over all runs.
    """

    log: tuple[Mapping[str, float], ...] = ()
    seconds: float = 0.0

    @property
    def step(self) -> int:
        """Number of steps that the last checkpoint holds."""
        return int(self.log[-1]["step"]) if self.log else 0


StepCallback = Callable[[int, TrainingProgress], None]
"""Called after every step with the number of finished steps and the progress that the last checkpoint holds."""


def save_progress(
    folder: Path,
    identity: str,
    parts: Mapping[str, Mapping[str, object]],
    progress: TrainingProgress,
    columns: Sequence[str],
) -> None:
    """Write ``checkpoint.pt`` and ``log.csv`` of one training, each whole or not at all.

    Args:
        folder: Folder of both files.
        identity: All that decides the result, as text: settings and data.
        parts: State dicts by name.
        progress: Log and seconds so far.
        columns: Columns of the log.
    """
    import torch

    log = [dict(row) for row in progress.log]
    with atomic(folder / _CHECKPOINT) as part:
        torch.save({**parts, "log": log, "seconds": progress.seconds, "identity": identity}, part)
    rows = [",".join(f"{row[column]:.6g}" for column in columns) for row in log]
    write_text(folder / _LOG, "\n".join([",".join(columns), *rows]) + "\n")


def load_progress(folder: Path, identity: str, receivers: Receivers, columns: Sequence[str]) -> TrainingProgress:
    """Read the checkpoint of one training, if there is one, and load its parts into network and optimiser.

    Args:
        folder: Folder of ``checkpoint.pt``.
        identity: Identity of the training that is to go on.
        receivers: Functions that load the parts.
        columns: Columns of the log.

    Returns:
        The progress that the checkpoint holds; none without a checkpoint.

    Raises:
        UserError: The checkpoint is damaged or hostile, or belongs to a training with another identity.
    """
    path = folder / _CHECKPOINT
    if not path.is_file():
        return TrainingProgress()
    content = read_checkpoint(path)
    if identity_in_todays_words(str(content.get("identity"))) != identity:
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
    return TrainingProgress(rows, seconds)


def receiver(network: nn.Module, folder: Path) -> Callable[[dict[Any, Any]], None]:
    """Make the function that loads the network's part of a folder's checkpoint; see :func:`load_state`."""
    return lambda state: load_state(network, state, str(folder / _CHECKPOINT))


def save_weights(
    folder: Path, name: str, network: nn.Module, card: Mapping[str, object], metadata: Mapping[str, str] | None = None
) -> dict[str, object]:
    """Write ``<name>.safetensors`` in half precision, and its card ``<name>.json`` with its digest.

    Args:
        folder: Folder of both files.
        name: Name of the weights.
        network: The trained network. Its whole numbers (counters of normalisation layers) keep their type.
        card: Facts for readers: command, data, steps, measured quality, ...
        metadata: Texts that the file of weights itself holds.

    Returns:
        The card with file name, size and digest.

    Raises:
        UserError: A weight does not fit half precision: the training went astray.
    """
    import torch
    from safetensors.torch import save

    state = {key: value.detach().cpu() for key, value in network.state_dict().items()}
    halves = {
        key: (value.half() if value.is_floating_point() else value).contiguous().clone() for key, value in state.items()
    }
    if wrong := [key for key, value in halves.items() if not torch.isfinite(value).all()]:
        raise UserError(f"{name}: {wrong[0]} does not fit half precision or is no number; train with a lower rate")
    target = folder / f"{name}.safetensors"
    with atomic(target) as part:
        part.write_bytes(_with_sorted_metadata(save(halves, dict(metadata) if metadata else None)))
    content = {**card, "file": target.name, "bytes": target.stat().st_size, "sha256": sha256_of(target)}
    write_json(folder / f"{name}.json", content)
    return content


def _with_sorted_metadata(file: bytes) -> bytes:
    """Sort the metadata of one ``.safetensors`` file, which its library writes in another order every time."""
    size = int.from_bytes(file[:8], "little")
    header = json.loads(file[8 : 8 + size])
    if "__metadata__" in header:
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return file[:8] + text.ljust(size) + file[8 + size :]
