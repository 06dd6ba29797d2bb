"""Options that both trainings take, and the progress bar and log that both show and write."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from logging import WARNING, Logger, getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bench.commands.console import command_line, error_console, out_console
from bench.errors import UserError

if TYPE_CHECKING:
    from rich.progress import Progress

    from bench.io.training.state import TrainingProgress

Out = Annotated[Path | None, typer.Option(help="Folder of checkpoint, log, weights and card; default NAME.")]
Start = Annotated[Path | None, typer.Option(help="Weights to start from (.safetensors).")]
Steps = Annotated[int | None, typer.Option(min=1, help="How many; else as configured.")]
Minutes = Annotated[
    float | None,
    typer.Option(min=0.1, max=1e6, help="So many steps as fit into this time, measured here, instead of a number."),
]
Schedule = Annotated[Literal["cosine", "halving"] | None, typer.Option(help="Of the learning rate; likewise.")]
Rate = Annotated[float | None, typer.Option(help="Highest learning rate; likewise.")]
Precision = Annotated[
    Literal["fp32", "bf16"] | None, typer.Option(help="Of convolutions; weights stay fp32; likewise.")
]
Compile = Annotated[
    bool | None, typer.Option("--compile/--no-compile", help="Compile the network first; needs a C++ compiler.")
]

_FIGURES = (
    ("loss", "loss {:.4f}"),
    ("psnr", "PSNR {:.2f} dB"),
    *((metric, metric + " {:.2f} %") for metric in ("AP", "mask_AP", "mIoU")),
)


class TrainingWatch:
    """Move a bar from the first step on, and write a line into the log for every row of figures.

    A :data:`bench.io.training.state.StepCallback`.

    Args:
        bar: Bar that shows the steps.
        steps: Number of steps of the training.
        log: Log of the rows.
    """

    def __init__(self, bar: Progress, steps: int, log: Logger) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=steps)
        self._steps = steps
        self._log = log

    def __call__(self, done: int, progress: TrainingProgress) -> None:
        """Show the number of finished steps and the last row of figures; log a row that is new."""
        words = _words(progress.log[-1]) if progress.log else ""
        self._bar.start()
        self._bar.update(self._task, completed=done, description=words)
        if progress.step == done:
            self._log.info("step %d of %d: %s", done, self._steps, words)

    def expect(self, steps: int) -> None:
        """Show and log another number of steps than the configured one."""
        self._steps = steps
        self._bar.update(self._task, total=steps)
        self._log.info("%d steps are planned", steps)

    def say(self, words: str) -> None:
        """Show and log a line about the work before the first step."""
        self._bar.start()
        self._bar.update(self._task, description=words)
        self._log.info("%s", words)


@contextmanager
def watched_training(folder: Path, steps: int, quiet: bool) -> Iterator[TrainingWatch]:
    """Show a progress bar and write ``train.log`` into the folder while the block lasts.

    Of several processes that share a batch, the first one alone shows and writes anything.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from bench.runner.logs import run_log
    from bench.runs.folder import TRAIN_LOG

    columns = (
        TextColumn("Train"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
    )
    first = os.environ.get("LOCAL_RANK", "0") == "0"  # set by Lightning Fabric for those that it starts
    getLogger("lightning_fabric.utilities.rank_zero").setLevel(WARNING)  # it tells of the precision that was asked for
    bar = Progress(*columns, console=error_console, disable=quiet or not first)
    with run_log(folder, command_line(), name=TRAIN_LOG) if first else nullcontext(getLogger(__name__)) as log:
        try:
            yield TrainingWatch(bar, steps, log)
        finally:
            if bar.live.is_started:
                bar.stop()


def check_steps(steps: int | None, minutes: float | None) -> None:
    """Check that a training is told either its number of steps or its time.

    Raises:
        UserError: It is told both.
    """
    if steps and minutes:
        raise UserError(f"give either --steps {steps} or --minutes {minutes:g}, from which the steps follow")


def print_weights(card: Mapping[str, object], folder: Path, quiet: bool) -> None:
    """Print the name and the folder of the trained weights, and of those with which a task saw best."""
    watch = card.get("watch")
    if not quiet:
        out_console.print(f"{card['file']} in {folder}", markup=False, soft_wrap=True)
    if not quiet and isinstance(watch, dict):
        best = watch["best"]
        seen = f"{best['file']} sees best: {watch['metric']} {best['score']:.2f} % after step {best['step']}"
        out_console.print(seen, markup=False, soft_wrap=True)


def _words(row: Mapping[str, float]) -> str:
    return ", ".join(form.format(row[key]) for key, form in _FIGURES if math.isfinite(row.get(key, math.nan)))
