"""What the training of a task model leaves behind: a checkpoint to go on from, a log, weights and their card."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from bench.checkpoints import load_state, read_checkpoint
from bench.errors import UserError
from bench.files import atomic, sha256_of, write_json, write_text

_CHECKPOINT, _LOG = "checkpoint.pt", "log.csv"
_COLUMNS = ("step", "loss", "rate")


@dataclass(frozen=True)
class State:
    """All that changes while training."""

    network: nn.Module
    average: AveragedModel
    optimizer: torch.optim.Optimizer


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
        log: One row a checkpoint: step, mean loss since the last one, learning rate.
        seconds: Time spent so far, over all runs.
    """

    log: tuple[Mapping[str, float], ...] = ()
    seconds: float = 0.0

    @property
    def step(self) -> int:
        """Steps that are done."""
        return int(self.log[-1]["step"]) if self.log else 0


def save_progress(folder: Path, identity: str, state: State, progress: Progress) -> None:
    """Write ``checkpoint.pt`` and ``log.csv``, each whole or not at all."""
    content = {
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "log": [dict(row) for row in progress.log],
        "seconds": progress.seconds,
        "identity": identity,
    }
    with atomic(folder / _CHECKPOINT) as part:
        torch.save(content, part)
    rows = [",".join(f"{row[column]:.6g}" for column in _COLUMNS) for row in progress.log]
    write_text(folder / _LOG, "\n".join([",".join(_COLUMNS), *rows]) + "\n")


def load_progress(folder: Path, identity: str, state: State) -> Progress:
    """Read a checkpoint into the state, if there is one.

    Raises:
        UserError: It is damaged or hostile, or belongs to a training with other settings.
    """
    path = folder / _CHECKPOINT
    if not path.is_file():
        return Progress()
    content = read_checkpoint(path)
    if content.get("identity") != identity:
        raise UserError(
            f"{path}: belongs to a training with other settings or photographs; choose another --out, or remove it"
        )
    network, average, adam = (content.get(part) for part in ("network", "average", "optimizer"))
    log, seconds = content.get("log"), content.get("seconds")
    if not (isinstance(network, dict) and isinstance(average, dict) and isinstance(adam, dict)):
        raise UserError(f"{path}: not a checkpoint of a training; choose another --out, or remove it")
    load_state(state.network, network, str(path))
    load_state(state.average.module, _averaged(average), str(path))
    try:
        state.average.load_state_dict(average)
        state.optimizer.load_state_dict(adam)
        rows = tuple({column: float(row[column]) for column in _COLUMNS} for row in log)  # type: ignore[attr-defined]
        spent = float(seconds)  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise UserError(f"{path}: damaged ({type(error).__name__}: {error}); remove it and start again") from error
    if not math.isfinite(spent) or not all(1 <= row["step"] < math.inf for row in rows):
        raise UserError(f"{path}: damaged (it states no time or no step); remove it and start again")
    return Progress(rows, spent)


def save_weights(folder: Path, name: str, network: nn.Module, card: Mapping[str, object]) -> dict[str, object]:
    """Write ``<name>.safetensors`` in half precision, and its card ``<name>.json`` with its digest.

    Args:
        folder: Where to.
        name: The weights' name.
        network: The trained network.
        card: What a reader must know: task, network, design, classes, command, scenes, steps, measured quality.

    Returns:
        The card with file name, size and digest.

    Raises:
        UserError: A weight does not fit half precision: the training went astray.
    """
    from safetensors.torch import save_file

    halves = {key: _half(value) for key, value in network.state_dict().items()}
    if wrong := [key for key, value in halves.items() if not torch.isfinite(value).all()]:
        raise UserError(f"{name}: {wrong[0]} does not fit half precision or is no number; train with a lower rate")
    target = folder / f"{name}.safetensors"
    with atomic(target) as part:
        save_file(halves, part)
    content = {**card, "file": target.name, "bytes": target.stat().st_size, "sha256": sha256_of(target)}
    write_json(folder / f"{name}.json", content)
    return content


def _half(value: torch.Tensor) -> torch.Tensor:
    """Whole numbers (counters of normalisation layers) stay what they are."""
    value = value.detach().cpu()
    return (value.half() if value.is_floating_point() else value).contiguous().clone()


def _averaged(state: Mapping[object, object]) -> dict[object, object]:
    """The averaged network's own part of an average's state."""
    return {
        name.removeprefix("module.") if isinstance(name, str) else name: value
        for name, value in state.items()
        if name != "n_averaged"
    }
