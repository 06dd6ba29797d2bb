"""A model of the user's own, in one Python file: ``path/to/mine.py:build``, or ``NAME=path/to/mine.py:build``.

``build(options)`` returns a function from a list of images, uint8 RGB (H, W, 3), to a list with one answer an image:
for detection and instances a dictionary (:mod:`tasks.models.answers`), for semantic segmentation a label map (H, W).
A constant ``CLASSES`` in the file, a list of names, says what class numbers mean; without it they count from 0 in the
dataset's classes. The file runs when the model is loaded, never before: ``CLASSES`` is read as text.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from bench.contract import ClassSpace, Image, Options
from bench.errors import ImageError, UserError
from bench.registry import Entry, Registry
from tasks.classes import space_of_outputs

OwnFunction: TypeAlias = Callable[[list[Image]], Sequence[Any]]
_MODELS: Registry[Callable[[Options], OwnFunction]] = Registry(kind="model", targets={})
_CLASSES = "CLASSES"


@dataclass(frozen=True)
class OwnModel:
    """A model in a file, before the file is run.

    Attributes:
        entry: File and factory.
        code: Digest of the file's code.
        classes: The names in its constant ``CLASSES``; empty if it has none.
    """

    entry: Entry
    code: str
    classes: tuple[str, ...]

    @property
    def label(self) -> str:
        """Short name for tables."""
        return self.entry.name

    @property
    def facts(self) -> Mapping[str, object]:
        """Factory and code, which its classes are part of; where the file lies does not matter."""
        factory = self.entry.target.rpartition(":")[2]
        return {"backend": "file", "factory": factory, "code": self.code}

    @property
    def space(self) -> ClassSpace | None:
        """Its classes, numbered from 0; None if it does not name them."""
        return space_of_outputs(self.label, self.classes) if self.classes else None

    def load(self, options: Options) -> OwnFunction:
        """Run the file and its factory.

        Returns:
            The model; a wrong number of answers becomes an ``ImageError``.

        Raises:
            UserError: The file cannot be run, or its factory fails or returns no function.
        """
        factory = _MODELS.load(self.entry)
        try:
            function = factory(options)
        except UserError:
            raise
        except (Exception, SystemExit) as error:  # a user's code may fail in any way
            raise UserError(
                f"model {self.label}: its factory {self.entry.target} failed ({type(error).__name__}: {error})"
            ) from error
        if not callable(function):
            raise UserError(
                f"model {self.label}: its factory returned {type(function).__name__}, expected a function "
                "that takes a list of images and returns a list of answers"
            )
        return _Counted(self.label, function)


@dataclass(frozen=True)
class _Counted:
    """A function that is held to one answer an image."""

    label: str
    function: OwnFunction

    def __call__(self, images: list[Image]) -> Sequence[Any]:
        answers = self.function(images)
        if not isinstance(answers, list | tuple) or len(answers) != len(images):
            found = f"{len(answers)}" if isinstance(answers, list | tuple) else f"a {type(answers).__name__}"
            raise ImageError(f"model {self.label}: expected a list of {len(images)} answers, got {found}")
        return answers


def find_own(spec: str) -> OwnModel:
    """Find a model's file; it is read, not run.

    Raises:
        UserError: No such file, or its ``CLASSES`` is no list of different names.
    """
    entry = _MODELS.find(spec)
    return OwnModel(entry, entry.code_version(), _classes_in(Path(entry.target.rpartition(":")[0])))


def _classes_in(file: Path) -> tuple[str, ...]:
    try:
        body = ast.parse(file.read_bytes()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"{file}: not a Python file ({type(error).__name__}: {error})") from error
    for statement in body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == _CLASSES for target in targets):
            return _names_in(getattr(statement, "value", None), file)
    return ()


def _names_in(value: ast.expr | None, file: Path) -> tuple[str, ...]:
    try:
        names = ast.literal_eval(value) if value is not None else None
    except ValueError:
        names = None
    if (
        not isinstance(names, list | tuple)
        or not names
        or not all(isinstance(name, str) for name in names)
        or len(set(names)) < len(names)
    ):
        raise UserError(
            f"{file}: {_CLASSES} must be a list of different names as it stands, such as {_CLASSES} = ['car', 'bus']: "
            "it is read without running the file"
        )
    return tuple(names)
