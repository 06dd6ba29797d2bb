"""Save and load the checkpoint of one derainer's training, and its trained weights, which name their network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

import bench.io.training.state as shared
from bench.io.training.state import TrainingProgress
from derainers.training.guide import Guide
from derainers.training.networks import TrainableDerainer
from derainers.training.watch import Watch

_COLUMNS = ("step", "loss", "rate", "psnr")  # PSNR on held-out images, dB


def save_progress(
    folder: Path,
    identity: str,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: TrainingProgress,
    *,
    guide: Guide | None = None,
    watch: Watch | None = None,
) -> None:
    """Write ``checkpoint.pt`` and ``log.csv``; see :func:`bench.io.training.state.save_progress`."""
    parts = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
    parts |= {"guide": guide.state_dict()} if guide else {}
    parts |= {"best": watch.best.state_dict()} if watch else {}
    shared.save_progress(folder, identity, parts, progress, _columns(watch))


def load_progress(
    folder: Path,
    identity: str,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    guide: Guide | None = None,
    watch: Watch | None = None,
) -> TrainingProgress:
    """Read a checkpoint into network, optimiser, guide and best weights, if there is one; see :func:`save_progress`."""
    receivers: dict[str, Callable[[dict[Any, Any]], object]] = {
        "network": shared.receiver(network, folder),
        "optimizer": optimizer.load_state_dict,
    }
    receivers |= {"guide": guide.load_state_dict} if guide else {}
    receivers |= {"best": shared.receiver(watch.best, folder)} if watch else {}
    return shared.load_progress(folder, identity, receivers, _columns(watch))


def _columns(watch: Watch | None) -> tuple[str, ...]:
    return (*_COLUMNS, watch.metric) if watch else _COLUMNS


def save_weights(folder: Path, name: str, trainee: TrainableDerainer, card: Mapping[str, object]) -> dict[str, object]:
    """Write the weights and the card of one trained derainer. See :func:`bench.io.training.state.save_weights`."""
    return shared.save_weights(folder, name, trainee.network, card, trainee.metadata)
