"""Save and load the checkpoint of one task model's training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

import bench.io.training.state as shared
from bench.io.training.state import TrainingProgress

_COLUMNS = ("step", "loss", "rate")


@dataclass(frozen=True)
class TaskModelState:
    """Network, moving average of its weights, and optimiser: all that changes while training."""

    network: nn.Module
    average: AveragedModel
    optimizer: torch.optim.Optimizer


def save_progress(folder: Path, identity: str, state: TaskModelState, progress: TrainingProgress) -> None:
    """Write ``checkpoint.pt`` and ``log.csv``. See :func:`bench.io.training.state.save_progress`."""
    parts = {
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
    }
    shared.save_progress(folder, identity, parts, progress, _COLUMNS)


def load_progress(folder: Path, identity: str, state: TaskModelState) -> TrainingProgress:
    """Read a checkpoint into the state, if there is one. See :func:`bench.io.training.state.load_progress`."""
    averaged = shared.receiver(state.average.module, folder)

    def average(saved: dict[object, object]) -> None:
        averaged(_averaged(saved))
        state.average.load_state_dict(saved)  # type: ignore[arg-type]

    receivers: shared.Receivers = {
        "network": shared.receiver(state.network, folder),
        "average": average,
        "optimizer": state.optimizer.load_state_dict,
    }
    return shared.load_progress(folder, identity, receivers, _COLUMNS)


def _averaged(state: dict[object, object]) -> dict[object, object]:
    """Extract the averaged network's state dict from that of the average."""
    return {
        name.removeprefix("module.") if isinstance(name, str) else name: value
        for name, value in state.items()
        if name != "n_averaged"
    }
