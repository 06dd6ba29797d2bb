"""Names of trainings, the options of the command line that replace their settings, and the usual loaders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from bench.devices import usable_cores
from bench.errors import UserError
from bench.io.training.settings import TrainingSettings

TrainingName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=80)]
"""Name of a training and of its weights, which are files of that name."""

OPTIONS = {
    **{key: key for key in ("steps", "batch", "crop", "schedule", "seed", "precision", "compile")},
    "rate": "learning_rate",
    "start-share": "start_share",
    "guide": "guide",
    "guide-share": "guide_share",
    "guide-after": "guide_after",
}
"""Options of the command line (without dashes) and the setting that each replaces, where a training has it."""


def settings_of(options: Mapping[str, object]) -> dict[str, object]:
    """Turn options of the command line into settings; an option that was not given is None and left out."""
    return {OPTIONS[option]: value for option, value in options.items() if value is not None}


def changed_options(training: TrainingSettings, usual: TrainingSettings) -> dict[str, object]:
    """List the options, with their values, that turn the usual training into this one."""
    options = {option: key for option, key in OPTIONS.items() if key in type(training).model_fields}
    values = {option: getattr(training, key) for option, key in options.items()}
    return {option: value for option, value in values.items() if value != getattr(usual, options[option])}


def check_plannable(training: TrainingSettings) -> None:
    """Check that a training may end after any number of steps, as its schedule must for a plan.

    Raises:
        UserError: The learning rate is halved at fixed steps.
    """
    if training.schedule != "cosine":
        raise UserError(
            f"--minutes: training {training.network} has the schedule {training.schedule!r}, which is made for a "
            "fixed number of steps; give --schedule cosine as well"
        )


def usual_loaders(devices: int = 1) -> int:
    """Count the loaders of one training process: a core each, one core left for the training; at least 1.

    Args:
        devices: Processes that share the machine, each with loaders of its own.
    """
    return max(1, (usable_cores() - 1) // devices)
