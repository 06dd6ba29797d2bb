"""The checkpoint from which a training goes on, and at the end the weights that say what network they are of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

import bench.io.training_state as shared
from bench.io.checkpoints import load_state, read_checkpoint
from bench.io.training_state import Progress
from derainers.training.networks import Trainee

_COLUMNS = ("step", "loss", "rate", "psnr")  # PSNR on held-out images, dB


def save_progress(
    folder: Path, identity: str, network: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress
) -> None:
    """Write ``checkpoint.pt`` and ``log.csv``; see :func:`bench.io.training_state.save_progress`."""
    parts = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
    shared.save_progress(folder, identity, parts, progress, _COLUMNS)


def load_progress(folder: Path, identity: str, network: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    """Read a checkpoint into network and optimiser, if there is one; see :mod:`bench.io.training_state`."""
    receivers = {"network": shared.receiver(network, folder), "optimizer": optimizer.load_state_dict}
    return shared.load_progress(folder, identity, receivers, _COLUMNS)


def read_weights(path: Path, trainee: Trainee) -> None:
    """Load weights written by :func:`save_weights` into a network.

    Raises:
        UserError: The file is hostile, damaged or of another network.
    """
    load_state(trainee.network, read_checkpoint(path), str(path))


def save_weights(folder: Path, name: str, trainee: Trainee, card: Mapping[str, object]) -> dict[str, object]:
    """Write weights and card; the file names its network. See :func:`bench.io.training_state.save_weights`."""
    return shared.save_weights(folder, name, trainee.network, card, trainee.metadata)
