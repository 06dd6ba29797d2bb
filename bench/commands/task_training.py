"""Train a task model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands.console import error_console, out_console, training_bar

if TYPE_CHECKING:
    from bench.task_training import Progress


def train_task(
    name: Annotated[str, typer.Argument(help="streets-yolo, streets-maskrcnn, ... or path/to/mine.toml")],
    out: Annotated[Path | None, typer.Option(help="Folder of checkpoint, log, weights and card; default NAME.")] = None,
    start: Annotated[Path | None, typer.Option(help="Weights to start from (.safetensors).")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Instead of the configuration's.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Likewise.")] = None,
    rate: Annotated[float | None, typer.Option(help="Highest learning rate; likewise.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Likewise.")] = None,
    precision: Annotated[str, typer.Option(help="32-true or bf16-mixed; likewise.")] = "",
    compile: Annotated[
        bool | None, typer.Option("--compile/--no-compile", help="Compile the network first; needs a C++ compiler.")
    ] = None,
) -> None:
    """Train one of the small task models of suite streets on clean drawn scenes, on the CPU.

    Stopped and started again with the same command, it goes on from its last checkpoint. The card beside the weights
    says how well the model does on scenes that it was not trained on. Use it as `trained:FILE`.

    Examples:

        derainbench train-task streets-yolo --out my_yolo

        derainbench run streets --model detection=trained:my_yolo/streets-yolo.safetensors
    """
    from bench import task_training as library

    given: dict[str, object] = {"steps": steps, "batch": batch, "learning_rate": rate, "seed": seed}
    given |= {"precision": precision or None, "compile": compile}
    training = library.load_task_training(name, {key: value for key, value in given.items() if value is not None})
    out_folder = out or Path(training.name)
    error_console.print(f"drawing {training.scenes.parameters.get('count', '')} scenes", markup=False)
    scenes = library.draw_scenes(training)
    with training_bar(training.steps) as bar:
        card = library.train_task_model(
            training, out_folder, scenes, lambda done, progress: bar(done, _words(progress)), start
        )
    out_console.print(f"{card['file']} in {out_folder}", markup=False)


def _words(progress: Progress) -> str:
    return f"loss {progress.log[-1]['loss']:.4f}" if progress.log else ""
