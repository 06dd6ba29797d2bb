"""Suites and trainings kept as TOML files: found by name or path, and validated."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from bench.errors import UserError

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class TomlText:
    """What a file holds, and what it is called in messages."""

    content: bytes
    origin: str


def names_in(package: str) -> list[str]:
    """Stems of the TOML files of a package, in order."""
    return sorted(item.name.removesuffix(".toml") for item in files(package).iterdir() if item.name.endswith(".toml"))


def text_of(kind: str, name: str, package: str, known: Sequence[str], file: str = "") -> TomlText:
    """A built-in file by name, or one of the user's by path.

    Args:
        kind: What it is, for messages: ``suite``, ``training``.
        name: What the user wrote.
        package: Where the built-in ones are.
        known: Their names.
        file: Stem of the built-in file that this name stands for; empty for the name itself.

    Raises:
        UserError: There is none.
    """
    if name.endswith(".toml"):
        if not Path(name).is_file():
            raise UserError(f"{kind} {name}: no such file")
        return TomlText(Path(name).read_bytes(), name)
    if name in known:
        return TomlText(files(package).joinpath(f"{file or name}.toml").read_bytes(), f"built-in {kind} {name}")
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(known)}."
    raise UserError(f"unknown {kind} {name!r}. {hint} A file of your own ends in .toml")


def validated(model: type[Model], text: TomlText, name: str, changes: Mapping[str, object], advice: str) -> Model:
    """A suite or training from its text.

    Args:
        model: What it has to be.
        text: The text.
        name: The name if the text gives none.
        changes: Values that replace those of the text.
        advice: What to read after a mistake.

    Raises:
        UserError: It is not TOML, or a key is unknown, missing or of the wrong kind.
    """
    try:
        content = tomllib.loads(text.content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UserError(f"{text.origin}: not valid TOML: it is not UTF-8 ({error})") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(f"{text.origin}: not valid TOML: {error}") from error
    try:
        return model.model_validate({"name": name, **content, **changes})
    except ValidationError as error:
        raise UserError(f"{text.origin}: {faults_of(error)}. {advice}") from error


def faults_of(error: ValidationError) -> str:
    """What is wrong, setting by setting, in one line."""
    faults = ((".".join(map(str, fault["loc"])), fault["msg"]) for fault in error.errors())
    return "; ".join(f"{place}: {text}" if place else text for place, text in faults)
