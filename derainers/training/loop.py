"""The training loop. Stopped at any moment and started again, it ends with the same weights."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from bench.errors import UserError, missing_extra
from bench.io.training_state import Progress
from derainers.torch_derainer import to_tensor
from derainers.training.checkpoints import load_progress, save_progress
from derainers.training.crops import Pair, Stream, batch_at
from derainers.training.networks import Trainee
from derainers.training.settings import Settings, rate_at
from derainers.training.validation import mean_psnr

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.wrappers import _FabricModule, _FabricOptimizer

Report = Callable[[int, "Progress"], None]
"""Told how many steps are done, and what the log says so far."""


@dataclass(frozen=True)
class Machine:
    """Where a training runs.

    Attributes:
        accelerator: ``cpu`` or ``cuda``.
        devices: How many; several share each batch.
        tensorboard: True writes TensorBoard's files, too.
    """

    accelerator: str = "cpu"
    devices: int = 1
    tensorboard: bool = False


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        settings: Steps, batch, learning rate, ...
        trainee: The network with its first weights; it has the last ones afterwards.
        stream: Pairs to train on.
        held_out: Whole pairs on which PSNR is measured with every checkpoint.
        folder: Keeps ``checkpoint.pt`` and ``log.csv``.
        identity: What decides the result, apart from the first weights; a checkpoint of another one is refused.
    """

    settings: Settings
    trainee: Trainee
    stream: Stream
    held_out: Sequence[Pair]
    folder: Path
    identity: Mapping[str, object]


def train(job: Job, machine: Machine, report: Report | None = None) -> Progress:
    """Train, or go on with what lies in the folder.

    Args:
        job: What to train.
        machine: Where.
        report: Told every step.

    Returns:
        The log and the time it took.

    Raises:
        UserError: The folder holds another training, the loss is no number any more, or the batch cannot be shared.
    """
    settings, trainee = job.settings, job.trainee
    if settings.batch % machine.devices:
        raise UserError(f"batch: {settings.batch} crops cannot be shared by {machine.devices} devices equally")
    fabric = _fabric(settings, machine, job.folder)
    fabric.launch()
    trainee.network.to(memory_format=torch.channels_last)
    adam = torch.optim.Adam(trainee.network.parameters(), lr=settings.learning_rate)
    compiled = cast(nn.Module, torch.compile(trainee.network)) if settings.compile else trainee.network
    network, optimizer = fabric.setup(compiled, adam)
    progress = load_progress(job.folder, _identity(job), trainee.network, adam)
    started = time.monotonic() - progress.seconds
    losses: list[Tensor] = []
    for step in range(progress.step, settings.steps):
        losses.append(_update(fabric, network, optimizer, job, step))
        if (step + 1) % settings.every == 0 or step + 1 == settings.steps:
            loss = float(fabric.all_reduce(torch.stack(losses).mean()))  # type: ignore[arg-type]
            losses.clear()
            with torch.compiler.set_stance("force_eager"):  # whole photographs come in many sizes
                psnr = mean_psnr(network, trainee, job.held_out)
            row = {"loss": loss, "rate": rate_at(settings, step), "psnr": psnr}
            fabric.log_dict(row, step + 1)
            progress = Progress((*progress.log, {"step": step + 1, **row}), time.monotonic() - started)
            _keep(fabric, job, adam, progress)
        if report:
            report(step + 1, progress)
    return progress


def _update(fabric: Fabric, network: _FabricModule, optimizer: _FabricOptimizer, job: Job, step: int) -> Tensor:
    """One update of the weights; the loss before it."""
    settings, trainee = job.settings, job.trainee
    pair = batch_at(job.stream, settings, step, fabric.global_rank, fabric.world_size)
    network.train()
    for group in optimizer.param_groups:
        group["lr"] = rate_at(settings, step)
    rainy, clean = (to_tensor(side, fabric.device, trainee.order, trainee.value_range) for side in pair)
    loss = trainee.loss(network(rainy).float(), clean)
    optimizer.zero_grad()
    fabric.backward(loss)
    if settings.clip:
        fabric.clip_gradients(network, optimizer, max_norm=settings.clip, error_if_nonfinite=False)
    optimizer.step()
    return loss.detach()


def _keep(fabric: Fabric, job: Job, adam: torch.optim.Optimizer, progress: Progress) -> None:
    row = progress.log[-1]
    if not math.isfinite(row["loss"]):
        raise UserError(f"step {progress.step}: the loss is {row['loss']}; lower learning_rate, or set clip = 1")
    if fabric.is_global_zero:
        save_progress(job.folder, _identity(job), job.trainee.network, adam, progress)
    fabric.barrier()


def _identity(job: Job) -> str:
    return json.dumps([job.settings.model_dump(mode="json"), job.identity], sort_keys=True)


def _fabric(settings: Settings, machine: Machine, folder: Path) -> Fabric:
    try:
        from lightning_fabric import Fabric
        from lightning_fabric.loggers.logger import Logger
        from lightning_fabric.loggers.tensorboard import TensorBoardLogger
    except ImportError as error:
        raise missing_extra(error, "Lightning Fabric", "train", "training") from error
    try:
        loggers: list[Logger] = []
        if machine.tensorboard:
            loggers.append(TensorBoardLogger(root_dir=folder, name="tensorboard", version=""))
    except ModuleNotFoundError as error:
        raise missing_extra(error, "TensorBoard", "train", "--tensorboard") from error
    return Fabric(
        accelerator=machine.accelerator,
        devices=machine.devices,
        precision="bf16-mixed" if settings.precision == "bf16" else "32-true",
        loggers=loggers,
    )
