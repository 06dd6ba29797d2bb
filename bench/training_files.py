"""Trainings kept as TOML files: found by name or path, validated, and compared with what a command replaced."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from bench.errors import UserError

Model = TypeVar("Model", bound=BaseModel)


def names_in(package: str) -> list[str]:
    """Stems of the TOML files of a package, in order."""
    return sorted(item.name.removesuffix(".toml") for item in files(package).iterdir() if item.name.endswith(".toml"))


def text_of(name: str, package: str, known: Sequence[str], file: str) -> tuple[bytes, str]:
    """Content of a built-in training, or of a file by path, and what to call it in messages.

    Args:
        name: What the user wrote.
        package: Where the built-in ones are.
        known: Their names.
        file: Stem of the built-in file that this name stands for.

    Raises:
        UserError: There is none.
    """
    if name.endswith(".toml"):
        if not Path(name).is_file():
            raise UserError(f"training {name}: no such file")
        return Path(name).read_bytes(), name
    if name in known:
        return files(package).joinpath(f"{file}.toml").read_bytes(), f"built-in training {name}"
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(known)}"
    raise UserError(f"unknown training {name!r}. {hint} A file of your own ends in .toml")


def validated(
    model: type[Model], text: tuple[bytes, str], name: str, changes: Mapping[str, object], advice: str
) -> Model:
    """A training from its text.

    Args:
        model: What it has to be.
        text: As :func:`text_of` gives it.
        name: The name if the text gives none.
        changes: Values that replace those of the text.
        advice: What to read after a mistake.

    Raises:
        UserError: It is not TOML, or a key is unknown, missing or of the wrong kind.
    """
    raw, origin = text
    try:
        return model.model_validate({"name": name, **tomllib.loads(raw.decode("utf-8")), **changes})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{origin}: not valid TOML: {error}") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'training'}: {fault['msg']}" for fault in error.errors()
        )
        raise UserError(f"{origin}: {faults}. {advice}") from error


def replaced(training: BaseModel, base: BaseModel, options: Mapping[str, str]) -> dict[str, object]:
    """Which options, each of one setting, make a training of its base, and their values."""
    pairs = ((option, getattr(training, key), getattr(base, key)) for option, key in options.items())
    return {option: value for option, value, usual in pairs if value != usual}
