"""The two errors that DerainBench raises on purpose.

A message says what is wrong, where, what was expected, what was found and what to do next.
"""

from __future__ import annotations


class UserError(Exception):
    """The user can mend it: a wrong name, option, file or setting. The command line exits with 2."""


class ImageError(Exception):
    """One image is unusable. It becomes a row of ``failures.csv``; the rest goes on."""


class MissingExtraError(UserError):
    """A library that is not installed, and the command that installs it."""

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
