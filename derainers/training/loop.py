"""Train one derainer. Stopped at any moment and started again, the loop ends with the same weights."""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from bench.errors import UserError, missing_extra
from bench.io.training.loaders import batches_ahead
from bench.io.training.plan import TrainingSpeed, speed_of
from bench.io.training.settings import rate_at
from bench.io.training.state import StepCallback, TrainingProgress
from derainers.torch_derainer import to_tensor
from derainers.training.checkpoints import load_progress, save_progress
from derainers.training.crops import CropBatches, ImagePair, Stream
from derainers.training.guide import MEASURED_BATCHES, Guide, excess
from derainers.training.networks import TrainableDerainer
from derainers.training.settings import DerainerSettings
from derainers.training.validation import mean_psnr, restored_by
from derainers.training.watch import Watch

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.wrappers import _FabricModule, _FabricOptimizer


@dataclass(frozen=True)
class TrainingMachine:
    """Devices on which one training runs.

    Attributes:
        accelerator: ``cpu``, ``cuda``, or one GPU such as ``cuda:1``.
        devices: Number of devices; several share each batch. A GPU that is named trains alone.
        tensorboard: True writes TensorBoard's files, too.
        loaders: Processes a device that make batches ahead; 0 makes them between the steps.
    """

    accelerator: str = "cpu"
    devices: int = 1
    tensorboard: bool = False
    loaders: int = 0

    def fabric_devices(self) -> tuple[str, int | list[int]]:
        """Return the kind of device, and how many or the number of the one that is named, as Lightning Fabric asks.

        Raises:
            UserError: One GPU is named, and several devices are asked for.
        """
        kind, _, number = self.accelerator.partition(":")
        if not number:
            return kind, self.devices
        if self.devices > 1:
            raise UserError(f"{self.accelerator} is one device, not {self.devices}; say {kind} for {self.devices}")
        return kind, [int(number)]


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
        guide: A frozen model whose features are a second term of the loss; its weight is known afterwards.
        watch: What judges the network at every checkpoint; it has the best weights afterwards.
    """

    settings: DerainerSettings
    trainee: TrainableDerainer
    stream: Stream
    held_out: Sequence[ImagePair]
    folder: Path
    identity: Mapping[str, object]
    guide: Guide | None = None
    watch: Watch | None = None


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
    trainer = _set_up(job, machine)
    settings = job.settings
    progress = load_progress(
        job.folder, _identity(job), job.trainee.network, trainer.adam, guide=job.guide, watch=job.watch
    )
    started = time.monotonic() - progress.seconds
    losses: list[Tensor] = []
    steps = range(progress.step, settings.steps)
    with batches_ahead(trainer.batches(), steps, machine.loaders) as batches:
        for step, batch in zip(steps, batches, strict=True):
            losses.append(trainer.update(step, batch))
            if (step + 1) % settings.every == 0 or step + 1 == settings.steps:
                row = {"step": step + 1, **trainer.row(step, losses)}
                losses.clear()
                progress = TrainingProgress((*progress.log, row), time.monotonic() - started)
                trainer.keep(progress)
            if after_step:
                after_step(step + 1, progress)
    return progress


def measure_speed(job: DerainerJob, machine: TrainingMachine, seconds: float) -> TrainingSpeed:
    """Time the steps of a training for about so many seconds, and one check; the network is spoilt by it.

    Raises:
        UserError: The machine has several devices, which one process cannot time.
    """
    if machine.devices > 1:
        raise UserError("--minutes plans for one device; with --devices give --steps instead")
    with tempfile.TemporaryDirectory() as folder:
        trainer = _set_up(replace(job, folder=Path(folder)), replace(machine, tensorboard=False))
        with batches_ahead(trainer.batches(), range(sys.maxsize), machine.loaders) as batches:

            def check() -> None:
                row = {"step": 1, "loss": 0.0, "rate": 0.0, **trainer.validated()}
                trainer.keep(TrainingProgress((row,)))

            first = job.guide.after if job.guide else 0  # the dearer steps are timed
            return speed_of(lambda step: trainer.update(first + step, next(batches)), check, seconds)


@dataclass(frozen=True)
class _Trainer:
    """One training set up on its devices."""

    job: DerainerJob
    fabric: Fabric
    network: _FabricModule
    optimizer: _FabricOptimizer
    adam: torch.optim.Optimizer

    def batches(self) -> CropBatches:
        """What makes this device's share of each batch."""
        return CropBatches(self.job.stream, self.job.settings, self.fabric.global_rank, self.fabric.world_size)

    def update(self, step: int, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Update the weights once; return the loss before the update."""
        settings = self.job.settings
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(settings, step)
        loss = self._loss(step, batch)
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        if settings.clip:
            self.fabric.clip_gradients(self.network, self.optimizer, max_norm=settings.clip, error_if_nonfinite=False)
        self.optimizer.step()
        return loss.detach()

    def _loss(self, step: int, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Compute the pixel loss of one batch and, at steps that are guided, the guide's term."""
        trainee, guide = self.job.trainee, self.job.guide
        if guide is None or not guide.guides(step):
            restored, clean = self._restored(batch)
            return trainee.loss(restored, clean)
        weight = self._weigh(guide) if guide.weight is None else guide.weight
        restored, clean = self._restored(batch)
        with self.fabric.autocast():
            distance = guide.distance(restored, clean, trainee)
        return trainee.loss(restored, clean) + weight * distance

    def _restored(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Restore the crops of one batch; return them and the clean ones, in the network's order and range."""
        trainee = self.job.trainee
        rainy, clean = (
            to_tensor(side.numpy(), self.fabric.device, trainee.order, trainee.value_range) for side in batch
        )
        return self.network(rainy).float(), clean

    def _weigh(self, guide: Guide) -> float:
        """Find the weight of the guide's term on the first batches that it guides; a function of their step alone."""
        make, trainee = self.batches(), self.job.trainee
        terms = []
        with torch.no_grad(), torch.compiler.set_stance("force_eager"), self.fabric.autocast():
            for step in range(guide.after, guide.after + MEASURED_BATCHES):
                restored, clean = self._restored(make(step))
                distance = guide.distance(restored, clean, trainee)
                terms.append(torch.stack([excess(restored, clean, trainee), distance]))
        pixel, distance = self.fabric.all_reduce(torch.stack(terms).mean(0))
        return guide.weigh(float(pixel), float(distance))

    def validated(self) -> dict[str, float]:
        """Measure the PSNR of the held-out pairs in dB and, where a task watches, its score."""
        job, watch = self.job, self.job.watch
        with torch.compiler.set_stance("force_eager"):  # whole photographs come in many sizes
            found = {"psnr": mean_psnr(self.network, job.trainee, job.held_out)}
            if watch:
                found[watch.metric] = watch.score(partial(restored_by, self.network, job.trainee))
        return found

    def row(self, step: int, losses: Sequence[Tensor]) -> dict[str, float]:
        """Measure the figures of the log after a step, and show them to TensorBoard."""
        loss = float(self.fabric.all_reduce(torch.stack(list(losses)).mean()))  # type: ignore[arg-type]
        row = {"loss": loss, "rate": rate_at(self.job.settings, step), **self.validated()}
        self.fabric.log_dict(row, step + 1)
        return row

    def keep(self, progress: TrainingProgress) -> None:
        """Write the checkpoint, unless the loss went astray."""
        row = progress.log[-1]
        if not math.isfinite(row["loss"]):
            raise UserError(f"step {progress.step}: the loss is {row['loss']}; lower learning_rate, or set clip = 1")
        job = self.job
        if job.watch:
            job.watch.keep_best(job.trainee.network, progress.log)
        if self.fabric.is_global_zero:
            save_progress(
                job.folder, _identity(job), job.trainee.network, self.adam, progress, guide=job.guide, watch=job.watch
            )
        self.fabric.barrier()


def _set_up(job: DerainerJob, machine: TrainingMachine) -> _Trainer:
    settings, trainee = job.settings, job.trainee
    if settings.batch % machine.devices:
        raise UserError(f"batch: {settings.batch} crops cannot be shared by {machine.devices} devices equally")
    fabric = _fabric(settings, machine, job.folder)
    fabric.launch()
    trainee.network.to(memory_format=torch.channels_last)
    if job.guide:
        job.guide.features.to(fabric.device)
    adam = torch.optim.Adam(trainee.network.parameters(), lr=settings.learning_rate)
    compiled = cast(nn.Module, torch.compile(trainee.network)) if settings.compile else trainee.network
    network, optimizer = fabric.setup(compiled, adam)
    return _Trainer(job, fabric, network, optimizer, adam)


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
    accelerator, devices = machine.fabric_devices()
    return Fabric(
        accelerator=accelerator,
        devices=devices,
        precision="bf16-mixed" if settings.precision == "bf16" else "32-true",
        loggers=loggers,
    )
