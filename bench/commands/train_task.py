"""Train a task model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import Quiet
from bench.commands.training_watch import (
    Compile,
    Minutes,
    Out,
    Precision,
    Rate,
    Schedule,
    Start,
    Steps,
    check_steps,
    print_weights,
    watched_training,
)
from bench.errors import UserError
from bench.io.files import safe_name


def train_task(
    name: Annotated[str, typer.Argument(help="streets-yolo, streets-maskrcnn, ... or path/to/mine.toml")],
    out: Out = None,
    start: Start = None,
    steps: Steps = None,
    minutes: Minutes = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Scenes a step; likewise.")] = None,
    rate: Rate = None,
    schedule: Schedule = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of weights and order; likewise.")] = None,
    precision: Precision = None,
    compile: Compile = None,
    restored: Annotated[
        str, typer.Option(help="RUN:ROW, train on what a row of a finished run restored; see below.")
    ] = "",
    quiet: Quiet = False,
) -> None:
    """Train one of the small task models of suite streets on clean drawn scenes, on the CPU.

    Stopped and started again with the same command, it goes on from its last checkpoint. The card beside the weights
    says how well the model does on scenes that it was not trained on. Use it as `trained:FILE`.

    With `--restored`, the images of the run's first dataset are trained on, as the row left them, and those of its
    second are measured on: a retrained judge for `run --retrained`.

    Examples:

        derainbench train-task streets-yolo --out my_yolo

        derainbench train-task streets-unet --minutes 30

        derainbench train-task streets-yolo --restored run1:prenet

        derainbench run streets --model detection=trained:my_yolo/streets-yolo.safetensors
    """
    from bench.training import task_models as library
    from bench.training.config import settings_of

    check_steps(steps, minutes)
    given: dict[str, object] = {"steps": steps, "batch": batch, "rate": rate, "schedule": schedule, "seed": seed}
    training = library.load_task_training(name, settings_of({**given, "precision": precision, "compile": compile}))
    run, _, row = restored.rpartition(":")
    if restored and not (run and row):
        raise UserError(f"--restored {restored}: expected RUN:ROW, such as run1:prenet")
    folder = out or Path(f"{training.name}-{safe_name(row)}" if row else training.name)
    with watched_training(folder, training.steps, quiet) as watch:
        watch.say(f"reading {restored}" if row else f"drawing {training.scenes.parameters.get('count', '')} scenes")
        scenes = library.restored_scenes(Path(run), row) if row else library.draw_scenes(training)
        plan = None
        if minutes:
            watch.say("measuring the speed")
            plan = library.plan_task_model(training, folder, scenes, minutes, start)
            watch.expect(plan.steps)
        card = library.train_task_model(training, folder, scenes, watch, start, plan)
    print_weights(card, folder, quiet)
