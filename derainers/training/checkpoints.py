"""Save and load the checkpoint of one derainer's training, and its trained weights, which name their network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

import bench.io.training.state as shared
from bench.io.training.state import TrainingProgress
from derainers.training.networks import TrainableDerainer

_COLUMNS = ("step", "loss", "rate", "psnr")  # PSNR on held-out images, dB


def save_progress(
    folder: Path, identity: str, network: nn.Module, optimizer: torch.optim.Optimizer, progress: TrainingProgress
) -> None:
    """Write ``checkpoint.pt`` and ``log.csv``; see :func:`bench.io.training.state.save_progress`."""
    parts = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
    shared.save_progress(folder, identity, parts, progress, _COLUMNS)


def load_progress(
    folder: Path, identity: str, network: nn.Module, optimizer: torch.optim.Optimizer
) -> TrainingProgress:
    """Read a checkpoint, if there is one, into network and optimiser. See :mod:`bench.io.training.state`."""
    receivers = {"network": shared.receiver(network, folder), "optimizer": optimizer.load_state_dict}
    return shared.load_progress(folder, identity, receivers, _COLUMNS)


def save_weights(folder: Path, name: str, trainee: TrainableDerainer, card: Mapping[str, object]) -> dict[str, object]:
    """Write the weights and the card of one trained derainer. See :func:`bench.io.training.state.save_weights`."""
    return shared.save_weights(folder, name, trainee.network, card, trainee.metadata)
