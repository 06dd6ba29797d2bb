"""Train one derainer. Stopped at any moment and started again, the loop ends with the same weights."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from bench.errors import UserError, missing_extra
from bench.io.training_settings import rate_at
from bench.io.training_state import StepCallback, TrainingProgress
from derainers.torch_derainer import to_tensor
from derainers.training.checkpoints import load_progress, save_progress
from derainers.training.crops import ImagePair, Stream, batch_at
from derainers.training.networks import TrainableDerainer
from derainers.training.settings import DerainerSettings
from derainers.training.validation import mean_psnr

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.wrappers import _FabricModule, _FabricOptimizer


@dataclass(frozen=True)
class TrainingMachine:
    """Devices on which one training runs.

    Attributes:
        accelerator: ``cpu`` or ``cuda``.
        devices: Number of devices; several share each batch.
        tensorboard: True writes TensorBoard's files, too.
    """

    accelerator: str = "cpu"
    devices: int = 1
    tensorboard: bool = False


@dataclass(frozen=True)
class DerainerJob:
    """One training of a derainer.

    Attributes:
        settings: Steps, batch, learning rate, ...
        trainee: The network with its first weights; it has the last ones afterwards.
        stream: Pairs to train on.
        held_out: Whole pairs on which PSNR is measured with every checkpoint.
        folder: Folder of ``checkpoint.pt`` and ``log.csv``.
        identity: All that decides the result beside the settings; a checkpoint of another identity is refused.
    """

    settings: DerainerSettings
    trainee: TrainableDerainer
    stream: Stream
    held_out: Sequence[ImagePair]
    folder: Path
    identity: Mapping[str, object]


def train(job: DerainerJob, machine: TrainingMachine, after_step: StepCallback | None = None) -> TrainingProgress:
    """Train one derainer, or go on from the checkpoint in the job's folder.

    Args:
        job: Network, pairs and settings.
        machine: Devices.
        after_step: Called after every step.

    Returns:
        The log, and the seconds that the training took.

    Raises:
        UserError: The folder holds another training, the loss is NaN or infinite, or the batch cannot be shared.
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
            progress = TrainingProgress((*progress.log, {"step": step + 1, **row}), time.monotonic() - started)
            _keep(fabric, job, adam, progress)
        if after_step:
            after_step(step + 1, progress)
    return progress


def _update(fabric: Fabric, network: _FabricModule, optimizer: _FabricOptimizer, job: DerainerJob, step: int) -> Tensor:
    """Update the weights once; return the loss before the update."""
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


def _keep(fabric: Fabric, job: DerainerJob, adam: torch.optim.Optimizer, progress: TrainingProgress) -> None:
    row = progress.log[-1]
    if not math.isfinite(row["loss"]):
        raise UserError(f"step {progress.step}: the loss is {row['loss']}; lower learning_rate, or set clip = 1")
    if fabric.is_global_zero:
        save_progress(job.folder, _identity(job), job.trainee.network, adam, progress)
    fabric.barrier()


def _identity(job: DerainerJob) -> str:
    return json.dumps([job.settings.model_dump(mode="json"), job.identity], sort_keys=True)


def _fabric(settings: DerainerSettings, machine: TrainingMachine, folder: Path) -> Fabric:
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
