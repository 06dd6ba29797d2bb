"""Trainings of task models as TOML: the loop's settings, and which scenes. Built-in ones by name."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.errors import UserError
from tasks.training.settings import Settings

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
    folder = files("bench.task_trainings")
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


def load_task_training(name: str, changes: Mapping[str, object] | None = None) -> TaskTraining:
    """Read a built-in training by name, or a TOML file by path.

    Args:
        name: Which.
        changes: Settings that replace those of the file.

    Raises:
        UserError: There is none, it is not TOML, or a key is unknown, missing or of the wrong kind.
    """
    raw, origin = _text_of(name)
    try:
        content = tomllib.loads(raw.decode("utf-8"))
        return TaskTraining.model_validate({"name": Path(name).stem, **content, **(changes or {})})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{origin}: not valid TOML: {error}") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'training'}: {fault['msg']}" for fault in error.errors()
        )
        raise UserError(f"{origin}: {faults}. See 'derainbench train-task --help'") from error


def task_changes_of(training: TaskTraining) -> dict[str, object]:
    """What was replaced in a built-in training, by the command line's options without dashes."""
    if training.name not in task_training_names():
        return {}
    base = load_task_training(training.name)
    pairs = ((option, getattr(training, key), getattr(base, key)) for option, key in CHANGEABLE.items())
    return {option: value for option, value, usual in pairs if value != usual}


def _text_of(name: str) -> tuple[bytes, str]:
    if name.endswith(".toml"):
        if not Path(name).is_file():
            raise UserError(f"training {name}: no such file")
        return Path(name).read_bytes(), name
    known = task_training_names()
    if name in known:
        return files("bench.task_trainings").joinpath(f"{name}.toml").read_bytes(), f"built-in training {name}"
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(known)}"
    raise UserError(f"unknown training {name!r}. {hint} A file of your own ends in .toml")
