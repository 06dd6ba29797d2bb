"""Train one task model. Stopped at any moment and started again, the loop ends with the same weights."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from bench.contract import Photograph
from bench.errors import UserError
from bench.io.training.plan import TrainingSpeed, speed_of
from bench.io.training.settings import rate_at
from bench.io.training.state import StepCallback, TrainingProgress
from tasks.training.checkpoints import TaskModelState, load_progress, save_progress
from tasks.training.settings import TaskModelSettings

Loss = Callable[[nn.Module, Sequence[Photograph], np.random.Generator], Tensor]
"""Computes the loss of a batch: augments photographs, makes tensors, and calls the (perhaps compiled) network."""


@dataclass(frozen=True)
class TrainableModel:
    """A task model's network and its loss.

    Attributes:
        network: The module with its first weights.
        loss: Computes the scalar that is minimised.
        design: Numbers from which, with the state dict, the network can be built again.
    """

    network: nn.Module
    loss: Loss
    design: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskModelJob:
    """One training of a task model.

    Attributes:
        settings: Steps, batch, learning rate, ...
        trainee: The network; it has the averaged weights afterwards.
        photographs: Labelled photographs to train on.
        folder: Folder of ``checkpoint.pt`` and ``log.csv``.
        identity: All that decides the result, as text; a checkpoint of another identity is refused.
    """

    settings: TaskModelSettings
    trainee: TrainableModel
    photographs: Sequence[Photograph]
    folder: Path
    identity: str


def train(job: TaskModelJob, after_step: StepCallback | None = None) -> TrainingProgress:
    """Train one task model on the CPU, or go on from the checkpoint in the job's folder.

    Args:
        job: Network, photographs and settings.
        after_step: Called after every step.

    Returns:
        The log, and the seconds that the training took.

    Raises:
        UserError: The folder holds another training, or the loss is NaN or infinite.
    """
    settings, network = job.settings, job.trainee.network
    state, forward = _set_up(job)
    progress = load_progress(job.folder, job.identity, state)
    started = time.monotonic() - progress.seconds
    losses: list[float] = []
    for step in range(progress.step, settings.steps):
        losses.append(_update(job, forward, state, step))
        if (step + 1) % settings.every == 0 or step + 1 == settings.steps:
            row = {"step": step + 1, "loss": float(np.mean(losses)), "rate": rate_at(settings, step)}
            losses.clear()
            if not math.isfinite(row["loss"]):
                raise UserError(f"step {step + 1}: the loss is {row['loss']}; lower learning_rate")
            progress = TrainingProgress((*progress.log, row), time.monotonic() - started)
            save_progress(job.folder, job.identity, state, progress)
        if after_step:
            after_step(step + 1, progress)
    network.load_state_dict(state.average.module.state_dict())
    network.eval()
    return progress


def measure_speed(job: TaskModelJob, seconds: float) -> TrainingSpeed:
    """Time the steps of a training for about so many seconds, and one checkpoint; the network is spoilt by it."""
    state, forward = _set_up(job)
    with tempfile.TemporaryDirectory() as folder:
        row = TrainingProgress(({"step": 1, "loss": 0.0, "rate": 0.0},))
        return speed_of(
            lambda step: _update(job, forward, state, step),
            lambda: save_progress(Path(folder), job.identity, state, row),
            seconds,
        )


def _set_up(job: TaskModelJob) -> tuple[TaskModelState, nn.Module]:
    """Make optimiser and average; return them with the network, and the network that computes, perhaps compiled."""
    settings, network = job.settings, job.trainee.network
    network.train().to(memory_format=torch.channels_last)
    moving = get_ema_multi_avg_fn(settings.average)  # type: ignore[no-untyped-call]
    average = AveragedModel(network, multi_avg_fn=moving, use_buffers=True)
    state = TaskModelState(network, average, _optimizer(network, settings))
    return state, cast(nn.Module, torch.compile(network, dynamic=False)) if settings.compile else network


def batch_at(photographs: Sequence[Photograph], settings: TaskModelSettings, step: int) -> list[Photograph]:
    """Choose the photographs of one step: each once an epoch, in an order that follows from seed and epoch."""
    chosen = []
    for number in range(step * settings.batch, (step + 1) * settings.batch):
        epoch, place = divmod(number, len(photographs))
        order = np.random.default_rng([settings.seed, 1, epoch]).permutation(len(photographs))
        chosen.append(photographs[int(order[place])])
    return chosen


def _update(job: TaskModelJob, forward: nn.Module, state: TaskModelState, step: int) -> float:
    """Update the weights once; return the loss before the update."""
    settings = job.settings
    for group in state.optimizer.param_groups:
        group["lr"] = rate_at(settings, step)
    torch.manual_seed(settings.seed * 1_000_003 + step)  # networks that sample proposals do so by torch's generator
    random = np.random.default_rng([settings.seed, 2, step])
    batch = batch_at(job.photographs, settings, step)
    with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bf16"):
        loss = job.trainee.loss(forward, batch, random)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    if settings.clip:
        nn.utils.clip_grad_norm_(state.network.parameters(), settings.clip)
    state.optimizer.step()
    state.average.update_parameters(state.network)
    return float(loss.detach())


def _optimizer(network: nn.Module, settings: TaskModelSettings) -> torch.optim.Optimizer:
    """Make AdamW; biases and normalisation do not decay."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in trained if parameter.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [parameter for parameter in trained if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate)
