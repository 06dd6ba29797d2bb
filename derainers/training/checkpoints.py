"""What a training leaves behind: a checkpoint to go on from, a log, and at the end the weights with their card."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from bench.checkpoints import load_state, read_checkpoint
from bench.errors import UserError
from bench.files import atomic, sha256_of, write_json, write_text
from derainers.training.networks import Trainee

_CHECKPOINT, _LOG = "checkpoint.pt", "log.csv"
_COLUMNS = ("step", "loss", "rate", "psnr")


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
        log: One row a checkpoint: step, mean loss since the last one, learning rate, PSNR on held-out images in dB.
        seconds: Time spent so far, over all runs.
    """

    log: tuple[Mapping[str, float], ...] = ()
    seconds: float = 0.0

    @property
    def step(self) -> int:
        """Steps that are done."""
        return int(self.log[-1]["step"]) if self.log else 0


def save_progress(
    folder: Path, identity: str, network: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress
) -> None:
    """Write ``checkpoint.pt`` and ``log.csv``, each whole or not at all."""
    content = {
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "log": [dict(row) for row in progress.log],
        "seconds": progress.seconds,
        "identity": identity,
    }
    with atomic(folder / _CHECKPOINT) as part:
        torch.save(content, part)
    rows = [",".join(f"{row[column]:.6g}" for column in _COLUMNS) for row in progress.log]
    write_text(folder / _LOG, "\n".join([",".join(_COLUMNS), *rows]) + "\n")


def load_progress(folder: Path, identity: str, network: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    """Read a checkpoint into network and optimiser, if there is one.

    Args:
        folder: Where ``checkpoint.pt`` may be.
        identity: What decides the result: settings and data.
        network: Receives the weights.
        optimizer: Receives its state.

    Raises:
        UserError: It is damaged or hostile, or belongs to a training with other settings.
    """
    path = folder / _CHECKPOINT
    if not path.is_file():
        return Progress()
    content = read_checkpoint(path)
    state, adam, log, seconds, kept = (
        content.get(part) for part in ("network", "optimizer", "log", "seconds", "identity")
    )
    if kept != identity:
        raise UserError(
            f"{path}: belongs to a training with other settings or photographs; choose another --out, or remove it"
        )
    if not (
        isinstance(state, dict) and isinstance(adam, dict) and isinstance(log, list) and isinstance(seconds, float)
    ):
        raise UserError(f"{path}: not a checkpoint of a training; choose another --out, or remove it")
    load_state(network, state, str(path))
    try:
        optimizer.load_state_dict(adam)
        rows = tuple({column: float(row[column]) for column in _COLUMNS} for row in log)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: damaged ({type(error).__name__}: {error}); remove it and start again") from error
    if not math.isfinite(seconds) or not all(1 <= row["step"] < math.inf for row in rows):
        raise UserError(f"{path}: damaged (it states no time or no step); remove it and start again")
    return Progress(rows, seconds)


def read_weights(path: Path, trainee: Trainee) -> None:
    """Load weights written by :func:`save_weights` into a network.

    Raises:
        UserError: The file is hostile, damaged or of another network.
    """
    load_state(trainee.network, read_checkpoint(path), str(path))


def save_weights(folder: Path, name: str, trainee: Trainee, card: Mapping[str, object]) -> dict[str, object]:
    """Write ``<name>.safetensors`` in half precision, and ``<name>.json`` with its digest.

    Args:
        folder: Where to.
        name: The weights' name.
        trainee: The trained network and what its file has to say.
        card: What a reader must know: command, data, steps, time, measured quality.

    Returns:
        The card with file name, size and digest.

    Raises:
        UserError: A weight does not fit half precision: the training went astray.
    """
    from safetensors.torch import save_file

    halves = {key: value.detach().cpu().half().contiguous() for key, value in trainee.network.state_dict().items()}
    if wrong := [key for key, value in halves.items() if not torch.isfinite(value).all()]:
        raise UserError(f"{name}: {wrong[0]} does not fit half precision or is no number; train with a lower rate")
    target = folder / f"{name}.safetensors"
    with atomic(target) as part:
        save_file(halves, part, metadata=dict(trainee.metadata))
    content = {**card, "file": target.name, "bytes": target.stat().st_size, "sha256": sha256_of(target)}
    write_json(folder / f"{name}.json", content)
    return content
