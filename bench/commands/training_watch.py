"""What both trainings take, and what they show and write down while they last."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from logging import WARNING, Logger, getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bench.commands.console import command_line, error_console

if TYPE_CHECKING:
    from rich.progress import Progress

Out = Annotated[Path | None, typer.Option(help="Folder of checkpoint, log, weights and card; default NAME.")]
Start = Annotated[Path | None, typer.Option(help="Weights to start from (.safetensors).")]
Steps = Annotated[int | None, typer.Option(min=1, help="How many; else as configured.")]
Rate = Annotated[float | None, typer.Option(help="Highest learning rate; likewise.")]
Precision = Annotated[
    Literal["fp32", "bf16"] | None, typer.Option(help="Of convolutions; weights stay fp32; likewise.")
]
Compile = Annotated[
    bool | None, typer.Option("--compile/--no-compile", help="Compile the network first; needs a C++ compiler.")
]

_FIGURES = (("loss", "loss {:.4f}"), ("psnr", "PSNR {:.2f} dB"))


class TrainingWatch:
    """Moves a bar from the first step on, and writes a line into the log for every row of figures.

    Args:
        bar: Where steps are shown.
        steps: How many there will be.
        log: Where rows are written.
    """

    def __init__(self, bar: Progress, steps: int, log: Logger) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=steps)
        self._steps = steps
        self._log = log

    def __call__(self, done: int, rows: Sequence[Mapping[str, float]]) -> None:
        """Show that so many steps are done, and the last of the rows of figures so far."""
        words = _words(rows[-1]) if rows else ""
        self._bar.start()
        self._bar.update(self._task, completed=done, description=words)
        if rows and rows[-1]["step"] == done:
            self._log.info("step %d of %d: %s", done, self._steps, words)

    def say(self, words: str) -> None:
        """Show and note what is done before the first step."""
        self._bar.start()
        self._bar.update(self._task, description=words)
        self._log.info("%s", words)


@contextmanager
def watched_training(folder: Path, steps: int, quiet: bool) -> Iterator[TrainingWatch]:
    """A progress bar and ``train.log`` in the folder, while the block lasts.

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


def _words(row: Mapping[str, float]) -> str:
    return ", ".join(form.format(row[key]) for key, form in _FIGURES if math.isfinite(row.get(key, math.nan)))
