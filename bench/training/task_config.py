"""Trainings of task models as TOML: the loop's settings, and which scenes. Built-in ones by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.io.toml_files import names_in, replaced, text_of, validated
from tasks.training.settings import Settings

_PACKAGE = "bench.training.configs.task_models"

CHANGEABLE = {"rate": "learning_rate", **{key: key for key in ("steps", "batch", "seed", "precision", "compile")}}
"""Options of the command line that replace a setting, and the setting's name."""


class Scenes(BaseModel):
    """Which photographs of a source.

    Attributes:
        source: The source's name.
        parameters: The source's parameters; those of ``held_out`` replace some of ``train``'s.
        held_out: Parameters of the scenes on which the model is measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    source: str = "streets"
    parameters: dict[str, str | int | float | bool] = Field(default_factory=dict)
    held_out: dict[str, str | int | float | bool] = Field(default_factory=dict)


class TaskTraining(Settings):
    """Settings of a training, what it is for and where its photographs come from.

    Attributes:
        name: Of the weights; the name or stem of the configuration.
        task: Which task the model is for.
        scenes: Photographs to train and to measure on.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=80)
    task: Literal["detection", "instances", "semantic"]
    scenes: Scenes = Scenes()

    @property
    def settings(self) -> Settings:
        """The part that the training loop knows."""
        return Settings.model_validate(self.model_dump(include=set(Settings.model_fields)))


def task_training_names() -> list[str]:
    """Names of the built-in trainings."""
    return names_in(_PACKAGE)


def load_task_training(name: str, changes: Mapping[str, object] | None = None) -> TaskTraining:
    """Read a built-in training by name, or a TOML file by path.

    Args:
        name: Which.
        changes: Settings that replace those of the file.

    Raises:
        UserError: There is none, it is not TOML, or a key is unknown, missing or of the wrong kind.
    """
    text = text_of("training", name, _PACKAGE, task_training_names())
    return validated(TaskTraining, text, Path(name).stem, changes or {}, "See 'derainbench train-task --help'")


def task_changes_of(training: TaskTraining) -> dict[str, object]:
    """What was replaced in a built-in training, by the command line's options without dashes."""
    if training.name not in task_training_names():
        return {}
    return replaced(training, load_task_training(training.name), CHANGEABLE)
