"""Read parameters, files below a root and class lists: what all readers of labelled photographs share."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol, TypeVar, runtime_checkable

from bench.contract import UNLABELLED, ClassSpace, Parameter, Parameters
from bench.errors import ImageError, UserError

_LONGEST_NAME = 200
_DEEPEST = 8
_MOST_LABEL_BYTES = 1 << 20

Value = TypeVar("Value", str, int, float, bool)


NO_NUMBER = -1
"""Stands for an image number that is still to be given; COCO files may well use 0."""


class AbsentError(UserError):
    """Refuse a folder because a layout's files are not in it; another layout may fit."""


@runtime_checkable
class Identified(Protocol):
    """A source that tells without decoding when a photograph or its labels have changed."""

    def identity(self, id: str, /) -> str:
        """Digest one photograph and its labels into text that changes with them; empty if the file is absent."""
        ...


@runtime_checkable
class Numbered(Protocol):
    """A source whose images and objects have numbers of their own, which result files then keep."""

    def image_id(self, id: str, /) -> int:
        """Look up the whole number of one image in the source's own files; NO_NUMBER if it has none there."""
        ...

    def annotation_ids(self, id: str, /) -> Sequence[int]:
        """List the numbers of one image's objects, in the order of the truth's instances."""
        ...


@runtime_checkable
class KnowsClean(Protocol):
    """A source that may be of real rain; one that does not say has clean images."""

    @property
    def has_clean(self) -> bool:
        """Whether its photographs have clean images."""
        ...


@runtime_checkable
class Described(Protocol):
    """A source that knows facts about its photographs without decoding them."""

    def attributes(self, id: str, /) -> Mapping[str, str]:
        """Look up the facts of one photograph, such as ``{"timeofday": "night"}``."""
        ...

    def objects(self, id: str, /) -> int:
        """Count the labelled objects of one photograph, crowds not counted."""
        ...


def parameter(parameters: Parameters, name: str, default: Value) -> Value:
    """Look up one parameter, of the default's type.

    Raises:
        UserError: It is of another type.
    """
    value = parameters.get(name, default)
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    if type(value) is not type(default):
        raise UserError(f"parameter {name!r}: expected {type(default).__name__}, found {value!r}")
    return value


def words(parameters: Parameters, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Look up one parameter that is one word or several, as text."""
    value: Parameter = parameters.get(name, default)
    return tuple(str(item) for item in value) if isinstance(value, tuple | list) else (str(value),)


def check_names(parameters: Parameters, known: Collection[str], source: str) -> None:
    """Refuse parameters that a source does not know.

    Raises:
        UserError: The names are given, and those that exist.
    """
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        raise UserError(f"source {source!r}: unknown parameter {', '.join(unknown)}. Known: {', '.join(sorted(known))}")


def check_root(root: Path | None, source: str, expected: str) -> Path:
    """Check the folder of one source.

    Raises:
        UserError: None was given, or there is none; ``expected`` says what should be in it.
    """
    if root is None:
        raise UserError(f"source {source!r} needs a folder of photographs: {expected}")
    if not root.is_dir():
        raise UserError(f"{root}: no such folder. Source {source!r} expects {expected}")
    return root


def escapes(name: str) -> bool:
    """Test one file name of a label file: True if it is no plain path below the folder it is meant for."""
    parts = PurePosixPath(name).parts
    try:
        longest = max((len(part.encode()) for part in parts), default=0)
    except UnicodeEncodeError:
        return True
    leaves = name.startswith(("/", "~")) or ".." in parts or any(c in name for c in "\\:\0")
    return leaves or not 0 < longest <= _LONGEST_NAME or len(parts) > _DEEPEST


def stem_of(name: str) -> str:
    """Take the suffix off one file name of a label file, folders kept; always text that can be written."""
    writable = name.encode("utf-8", "backslashreplace").decode()
    return writable.removesuffix(PurePosixPath(writable).suffix)


def read_classes(path: Path, name: str, ignored: Collection[str] = ()) -> tuple[ClassSpace, frozenset[int]]:
    """Read one class list with the columns ``id,name``.

    Args:
        path: The CSV file.
        name: The class space's name.
        ignored: Ids or names of what is not a class (``void``).

    Returns:
        The classes, and the ids to be read as not labelled.

    Raises:
        UserError: The file is absent or is not such a list, or an ignored class is not in it.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such class list; expected a CSV file with the columns id,name")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        numbers = {int(row["id"]): row["name"].strip() for row in rows}
    except (KeyError, TypeError, ValueError, AttributeError, csv.Error) as error:
        raise UserError(f"{path}: expected the columns id,name with whole numbers as ids ({error})") from error
    if not rows or len(numbers) != len(rows) or not all(0 <= number < UNLABELLED for number in numbers):
        raise UserError(
            f"{path}: expected distinct ids from 0 to {UNLABELLED - 1}, found {[row['id'] for row in rows]}"
        )
    left_out = frozenset(number for number, label in numbers.items() if {str(number), label} & set(ignored))
    strange = set(ignored) - {str(number) for number in numbers} - set(numbers.values())
    if strange:
        raise UserError(f"{path}: the classes to ignore, {', '.join(sorted(strange))}, are not in the list")
    kept = {number: label for number, label in numbers.items() if number not in left_out}
    return ClassSpace(name, tuple(kept), tuple(kept.values())), left_out


def parse_size(text: str) -> tuple[int, int] | None:
    """Parse ``WIDTHxHEIGHT`` into (width, height); None for ``any``.

    Raises:
        UserError: The text is neither.
    """
    if text == "any":
        return None
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if not match:
        raise UserError(f"expected a size such as 640x480, or any; got {text!r}")
    return int(match[1]), int(match[2])


def check_label_file(path: Path) -> None:
    """Refuse the label file of one image if it cannot be one by its size.

    Raises:
        ImageError: The file is absent, or larger than a MiB.
    """
    if not path.is_file():
        raise ImageError(f"{path}: no such label file")
    if (size := path.stat().st_size) > _MOST_LABEL_BYTES:
        raise ImageError(f"{path}: {size} bytes; expected a label file of at most {_MOST_LABEL_BYTES}")
