"""Define the errors that DerainBench raises on purpose, and build the texts that their messages share.

A message says what is wrong, where, what was expected, what was found and what to do next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

_LONGEST_VALUE = 60


class UserError(Exception):
    """A mistake that the user can mend: a wrong name, option, file or setting. The command line exits with 2."""


class ImageError(Exception):
    """One unusable image. It becomes a row of ``failures.csv``; the other images are worked on."""


class MissingExtraError(UserError):
    """A library that is not installed; the message names the command that installs it.

    Args:
        library: Name of the library, for people.
        extra: Extra of the package ``derainbench`` that brings the library.
        purpose: What needs the library; begins the message.
    """

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        self._parts = (library, extra, purpose)
        super().__init__(
            f"{purpose} needs {library}, which is not installed. Install it: pip install 'derainbench[{extra}]'"
        )

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str, str]]:
        """Rebuild from the arguments, so that the error survives the way home from a worker process."""
        return type(self), self._parts


def missing_extra(error: ImportError, library: str, extra: str, purpose: str) -> UserError:
    """Make the error for a library that cannot be imported: absent, or there and broken.

    Args:
        error: What the import raised.
        library: Its name.
        extra: The extra of this project that brings it.
        purpose: What it is wanted for.
    """
    if isinstance(error, ModuleNotFoundError):
        return MissingExtraError(library, extra, purpose)
    return UserError(
        f"{purpose} needs {library}, which is installed but cannot be imported: {' '.join(str(error).split())}. "
        f"Install what it misses, or install it anew: pip install --force-reinstall 'derainbench[{extra}]'"
    )


def reason_of(error: Exception | SystemExit) -> str:
    """Say why an image failed: our own words as they are, anybody else's with the kind of error before them.

    Bytes of a file name that are no UTF-8 become escapes, since the text is going to be written to files.
    """
    text = str(error) if isinstance(error, ImageError) else f"{type(error).__name__}: {error}"
    return text.encode("utf-8", errors="backslashreplace").decode()


def did_you_mean(name: str, known: Iterable[str], label: str = "Known") -> str:
    """Suggest known names after a misspelt one, as a sentence: the nearest three, or all if none is near.

    Args:
        name: The unknown name.
        known: All names that would have been right.
        label: What to call them where all are listed.
    """
    import difflib

    names = list(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    return f"Did you mean {' or '.join(near)}?" if near else f"{label}: {', '.join(names) or 'none'}."


def faults_of(error: ValidationError, model: type[BaseModel] | None = None) -> str:
    """Join the faults that pydantic found to one line: ``setting: fault, got value; setting.inner: fault``.

    Args:
        error: What validating raised.
        model: What was validated, for the names that an unknown one may have meant; None for no such advice.
    """
    schema = model.model_json_schema() if model else {}
    faults = ((".".join(map(str, fault["loc"])), _fault(fault, schema)) for fault in error.errors())
    return "; ".join(f"{place}: {text}" if place else text for place, text in faults)


def _fault(fault: ErrorDetails, schema: Mapping[str, Any]) -> str:
    """Say what is wrong with one value, and the value where it is a short one that our own words do not name."""
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    if fault["type"] == "extra_forbidden":
        known = _names_beside(fault["loc"], schema)
        return f"unknown name. {did_you_mean(str(fault['loc'][-1]), known)}".rstrip(".") if known else "unknown name"
    found = fault["input"]
    told = fault["type"] != "missing" and isinstance(found, str | int | float) and ", got " not in fault["msg"]
    shown = repr(found) if told else ""
    return f"{fault['msg']}, got {shown}" if 0 < len(shown) <= _LONGEST_VALUE else fault["msg"]


def _names_beside(place: tuple[int | str, ...], schema: Mapping[str, Any]) -> list[str]:
    """List the names that a JSON schema knows where an unknown one stands; none where it takes any."""
    here = schema
    for name in place[:-1]:
        of_any_name = {"": here.get("additionalProperties"), **here.get("patternProperties", {})}
        inner = here.get("properties", {}).get(name) or next(filter(None, of_any_name.values()), None)
        inner = inner or here.get("items", {})
        here = schema["$defs"][inner["$ref"].rpartition("/")[2]] if "$ref" in inner else inner
    return list(here.get("properties", ()))
