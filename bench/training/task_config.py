"""Read trainings of task models from TOML: settings, and the scenes to train on. Built-in ones by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.io.toml_files import names_in, text_of, validated
from bench.training.config import TrainingName, changed_options
from tasks.training.settings import TaskModelSettings

_PACKAGE = "bench.training.configs.task_models"


class SceneSelection(BaseModel):
    """Labelled photographs of a source, to train and to measure on.

    Attributes:
        source: Name of the source.
        parameters: Parameters of the source for the scenes to train on.
        held_out: Parameters that are replaced for the scenes on which the model is measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    source: str = "streets"
    parameters: dict[str, str | int | float | bool] = Field(default_factory=dict)
    held_out: dict[str, str | int | float | bool] = Field(default_factory=dict)


class TaskModelTraining(TaskModelSettings):
    """Settings of one task model's training, its task and its scenes.

    Attributes:
        name: Name of the weights: the name or stem of the configuration.
        task: Task that the model is for.
        scenes: Photographs to train and to measure on.
    """

    name: TrainingName
    task: Literal["detection", "instances", "semantic"]
    scenes: SceneSelection = SceneSelection()


def task_training_names() -> list[str]:
    """List the names of the built-in trainings."""
    return names_in(_PACKAGE)


def load_task_training(name: str, changes: Mapping[str, object] | None = None) -> TaskModelTraining:
    """Read a built-in training by name, or a TOML file by path.

    Args:
        name: Name of a training, or path of a ``.toml`` file.
        changes: Settings that replace those of the file.

    Raises:
        UserError: The training does not exist, is not TOML, or a key is unknown, missing or of the wrong kind.
    """
    text = text_of("training", name, _PACKAGE, task_training_names())
    return validated(TaskModelTraining, text, Path(name).stem, changes or {}, "See 'derainbench train-task --help'")


def changes_of(training: TaskModelTraining) -> dict[str, object]:
    """List the options of the command line, with values, that turn the built-in training of this name into this one."""
    if training.name not in task_training_names():
        return {}
    return changed_options(training, load_task_training(training.name))
