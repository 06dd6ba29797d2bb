"""Train a derainer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands.options import Device, Quiet, pairs_of
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

if TYPE_CHECKING:
    from bench.training.derainers import DerainerTraining, Material, TrainingMachine

PhotographFolders = Annotated[
    list[Path], typer.Option(help="Folder of clean photographs to rain on; repeatable, twice counts twice.")
]
Pairs = Annotated[list[str], typer.Option(help="SET=DIR: published pairs, beside photographs or alone; repeatable.")]
Loaders = Annotated[
    int | None,
    typer.Option(min=0, help="Processes that make batches ahead; default cores - 1. They change no weights."),
]

Guide = Annotated[
    str | None,
    typer.Option(help="A task's model: what it sees in restored crops counts, too."),
]
GuideShare = Annotated[
    float | None, typer.Option(min=0, max=100, help="Of the guide's term in the loss, as a share of the pixel term.")
]
GuideAfter = Annotated[int | None, typer.Option(min=0, help="Steps with the pixel loss alone, before the guide.")]


def train(
    name: Annotated[str, typer.Argument(help="mspfn-light, prenet-small, mspfn-without-ffm, ... or path/to/mine.toml")],
    photographs: PhotographFolders = [],  # noqa: B006
    pairs: Pairs = [],  # noqa: B006
    held_out: Annotated[Path | None, typer.Option(help="Folder of clean photographs to measure on.")] = None,
    test: Annotated[list[str], typer.Option(help="SET=DIR: published pairs to measure on.")] = [],  # noqa: B006
    watch: Annotated[str, typer.Option(help="TASK=MODEL: keep the weights with which this model sees best, too.")] = "",
    watch_on: Annotated[Path | None, typer.Option(help="Labelled dataset of 'build' on which it looks.")] = None,
    out: Out = None,
    start: Start = None,
    start_share: Annotated[
        float | None, typer.Option(min=0, max=1, help="Of --start's weights in the last ones; else as configured.")
    ] = None,
    steps: Steps = None,
    minutes: Minutes = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Crops a step; likewise.")] = None,
    crop: Annotated[int | None, typer.Option(min=16, help="Side of a crop in pixels; likewise.")] = None,
    rate: Rate = None,
    schedule: Schedule = None,
    clean_share: Annotated[
        float | None, typer.Option(help="Share of the photographs that stay dry, 0 to 1; likewise.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of weights, order and rain; likewise.")] = None,
    precision: Precision = None,
    compile: Compile = None,
    guide: Guide = None,
    guide_share: GuideShare = None,
    guide_after: GuideAfter = None,
    device: Device = "auto",
    devices: Annotated[int, typer.Option(min=1, help="How many of them share a batch.", rich_help_panel="Models")] = 1,
    loaders: Loaders = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Also log for TensorBoard.")] = False,
    quiet: Quiet = False,
) -> None:
    """Train a derainer on photographs that are rained on, on published pairs, or on both.

    Stopped and started again with the same command, it goes on from its last checkpoint. With --minutes it first
    measures how fast it goes, for a minute at most, and the cosine ends when the time does.

    With --watch a task's model looks at restored labelled photographs at every checkpoint; the weights with which it
    sees best are kept beside the last ones, as NAME-best.safetensors. It changes no weight.

    Examples:

        derainbench train mspfn-light --photographs bsds/train --photographs camvid/train --held-out bsds/val

        derainbench train prenet --pairs rain1800=DIR --test rain100h=DIR

        derainbench train mspfn-without-ffm --photographs bsds/train --schedule cosine --minutes 90

        derainbench train mspfn-light --photographs bsds/train --pairs rain100h=DIR --clean-share 0.05

        derainbench train mspfn-light --photographs bsds/train --guide torchvision:fasterrcnn_mobilenet_v3_large_fpn

        derainbench train mspfn-light --photographs bsds/train --watch detection=shipped:streets-yolo --watch-on DIR
    """
    from bench.devices import choose_device
    from bench.training import derainers as library
    from bench.training.config import settings_of, usual_loaders
    from bench.training.watching import watched_from

    check_steps(steps, minutes)
    given: dict[str, object] = {"steps": steps, "batch": batch, "crop": crop, "rate": rate, "schedule": schedule}
    given |= {"seed": seed, "precision": precision, "compile": compile}
    given |= {"start-share": start_share, "guide": guide, "guide-share": guide_share, "guide-after": guide_after}
    training = library.with_clean_share(library.load_training(name, settings_of(given)), clean_share)
    if clean_share and not photographs:
        raise UserError("--clean-share: is a share of the photographs, and there are none; add --photographs DIR")
    if start_share and not start:
        raise UserError("--start-share: is a share of the weights to start from, and there are none; add --start FILE")
    chosen = choose_device(device)
    if ":" in chosen and not chosen.startswith("cuda:"):
        raise UserError(f"--device {device}: a training computes on cpu, on cuda, or on one GPU such as cuda:1")
    watched = watched_from(watch, watch_on)
    material = library.Material(photographs, _folders(pairs, "--pairs"), held_out, _folders(test, "--test"), watched)
    ahead = usual_loaders(devices) if loaders is None else loaders
    machine = library.TrainingMachine(chosen, devices, tensorboard, ahead)
    _train(training, material, out or Path(training.name), machine, start, minutes, quiet)


def _train(
    training: DerainerTraining,
    material: Material,
    folder: Path,
    machine: TrainingMachine,
    start: Path | None,
    minutes: float | None,
    quiet: bool,
) -> None:
    """Train under a bar; within minutes that are given, plan for them first."""
    from bench.training import derainers as library

    with watched_training(folder, training.steps, quiet) as watch:
        plan = None
        if minutes:
            watch.say("measuring the speed")
            plan = library.plan_derainer(training, material, folder, minutes, machine, start)
            watch.expect(plan.steps)
        card = library.train_derainer(training, material, folder, machine, start, watch, plan)
    print_weights(card, folder, quiet)


def _folders(texts: list[str], option: str) -> dict[str, Path]:
    return {name: Path(folder).expanduser() for name, folder in pairs_of(texts, option, "SET=DIR").items()}
