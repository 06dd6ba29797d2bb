"""The training loop of all task models. Stopped at any moment and started again, it ends with the same weights."""

from __future__ import annotations

import math
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
from bench.io.training_state import Progress
from tasks.training.checkpoints import State, load_progress, save_progress
from tasks.training.settings import Settings, rate_at

Report = Callable[[int, Progress], None]
"""Told how many steps are done, and what the log says so far."""

Loss = Callable[[nn.Module, Sequence[Photograph], np.random.Generator], Tensor]
"""Loss of some photographs: it augments them, makes tensors, and calls the (perhaps compiled) network."""


@dataclass(frozen=True)
class Trainee:
    """A network to train.

    Attributes:
        network: The module with its first weights.
        loss: What to minimise.
        design: All that is needed beside the state dict to build the network again.
    """

    network: nn.Module
    loss: Loss
    design: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        settings: Steps, batch, learning rate, ...
        trainee: The network; it has the averaged weights afterwards.
        photographs: To train on.
        folder: Keeps ``checkpoint.pt`` and ``log.csv``.
        identity: What decides the result; a checkpoint of another one is refused.
    """

    settings: Settings
    trainee: Trainee
    photographs: Sequence[Photograph]
    folder: Path
    identity: str


def train(job: Job, report: Report | None = None) -> Progress:
    """Train on the CPU, or go on with what lies in the folder.

    Returns:
        The log and the time it took.

    Raises:
        UserError: The folder holds another training, or the loss is no number any more.
    """
    settings, network = job.settings, job.trainee.network
    network.train().to(memory_format=torch.channels_last)
    moving = get_ema_multi_avg_fn(settings.average)  # type: ignore[no-untyped-call]
    average = AveragedModel(network, multi_avg_fn=moving, use_buffers=True)
    state = State(network, average, _optimizer(network, settings))
    progress = load_progress(job.folder, job.identity, state)
    forward = cast(nn.Module, torch.compile(network, dynamic=False)) if settings.compile else network
    started = time.monotonic() - progress.seconds
    losses: list[float] = []
    for step in range(progress.step, settings.steps):
        losses.append(_update(job, forward, state, step))
        if (step + 1) % settings.every == 0 or step + 1 == settings.steps:
            row = {"step": step + 1, "loss": float(np.mean(losses)), "rate": rate_at(settings, step)}
            losses.clear()
            if not math.isfinite(row["loss"]):
                raise UserError(f"step {step + 1}: the loss is {row['loss']}; lower learning_rate")
            progress = Progress((*progress.log, row), time.monotonic() - started)
            save_progress(job.folder, job.identity, state, progress)
        if report:
            report(step + 1, progress)
    network.load_state_dict(average.module.state_dict())
    network.eval()
    return progress


def batch_at(photographs: Sequence[Photograph], settings: Settings, step: int) -> list[Photograph]:
    """Photographs of a step: each once an epoch, in an order that follows from seed and epoch."""
    chosen = []
    for number in range(step * settings.batch, (step + 1) * settings.batch):
        epoch, place = divmod(number, len(photographs))
        order = np.random.default_rng([settings.seed, 1, epoch]).permutation(len(photographs))
        chosen.append(photographs[int(order[place])])
    return chosen


def _update(job: Job, forward: nn.Module, state: State, step: int) -> float:
    """One update of the weights; the loss before it."""
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


def _optimizer(network: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """AdamW; biases and normalisation do not decay."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in trained if parameter.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [parameter for parameter in trained if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate)
