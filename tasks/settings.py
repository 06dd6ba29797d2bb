"""Read a task's parameters: checked once, frozen, and every fault named."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.contract import Parameters
from bench.errors import UserError, did_you_mean


class Settings(BaseModel):
    """Base of every task's parameters: immutable, unknown names refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())


SettingsType = TypeVar("SettingsType", bound=Settings)


def read_settings(kind: type[SettingsType], parameters: Parameters, task: str) -> SettingsType:
    """Check parameters against their model.

    Raises:
        UserError: A name that does not exist, or a value of the wrong type or outside its range.
    """
    try:
        return kind.model_validate(dict(parameters))
    except ValidationError as error:
        faults = [_fault(dict(fault), kind, task) for fault in error.errors()]
        raise UserError(f"task {task!r}: {'; '.join(faults)}") from error


def _fault(fault: dict[str, object], kind: type[Settings], task: str) -> str:
    place = fault["loc"]
    name = ".".join(map(str, place)) if isinstance(place, tuple) else str(place)
    if fault["type"] == "missing":
        given = f", or give --{name} {task}=... (see 'derainbench list models')" if name == "model" else ""
        return f"parameter {name!r} is missing; write it into the suite below [tasks.{task}]{given}"
    if fault["type"] != "extra_forbidden":
        return f"parameter {name!r}: {fault['msg']}, got {fault['input']!r}"
    return f"unknown parameter {name!r}. {did_you_mean(name, kind.model_fields)}"


FILE = "file"
"""Backend of models that a Python file of the user's builds: ``path/to/file.py:factory``."""
_FILE_MODEL = re.compile(r"(?:[\w.+-]+=)?.+\.py:\w+")


@dataclass(frozen=True)
class ModelName:
    """A model as the user names it, ``BACKEND:CHECKPOINT`` or ``path/to/file.py:factory``, taken apart.

    Attributes:
        backend: The library that runs the model, or ``FILE``.
        checkpoint: A published name, a file or a folder; of a Python file the whole text.
    """

    backend: str
    checkpoint: str


def split_model(model: str, backends: tuple[str, ...], task: str) -> ModelName:
    """Take ``BACKEND:CHECKPOINT`` apart, or recognise ``path/to/file.py:factory``.

    Raises:
        UserError: No colon, or a backend that this task does not have.
    """
    if names_file(model):
        return ModelName(FILE, model)
    backend, colon, checkpoint = model.partition(":")
    if not colon or not checkpoint or backend not in backends or backend == FILE:
        forms = " or ".join(f"{name}:CHECKPOINT" for name in backends if name != FILE)
        raise UserError(
            f"task {task!r}: parameter 'model': expected {forms} or path/to/mine.py:build, got {model!r}. "
            "See 'derainbench list models'"
        )
    return ModelName(backend, checkpoint)


def names_file(model: object) -> bool:
    """Tell if a model's name is a Python file with its factory, whose loading runs code."""
    return isinstance(model, str) and _FILE_MODEL.fullmatch(model) is not None


def fingerprint(**facts: object) -> str:
    """Write one line of JSON that names everything by which the evidence could change."""
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
