"""Find suites and trainings, kept as TOML files, by name or path, and validate them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from bench.errors import UserError, did_you_mean, faults_of

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class TomlText:
    """Text of one TOML file, and what the file is called in messages."""

    content: bytes
    origin: str


def names_in(package: str) -> list[str]:
    """List the stems of the TOML files in a package, sorted."""
    return sorted(item.name.removesuffix(".toml") for item in files(package).iterdir() if item.name.endswith(".toml"))


def text_of(kind: str, name: str, package: str, known: Sequence[str], file: str = "") -> TomlText:
    """Read a built-in TOML file by its name, or the user's own by its path.

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
    raise UserError(f"unknown {kind} {name!r}. {did_you_mean(name, known)} A file of your own ends in .toml")


def validated(model: type[Model], text: TomlText, name: str, changes: Mapping[str, object], advice: str) -> Model:
    """Parse the text of a TOML file and validate it as a suite or training.

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
        raise UserError(f"{text.origin}: {faults_of(error, model)}. {advice}") from error
