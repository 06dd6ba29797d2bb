"""The protocol by which a run tells how far it is."""

from __future__ import annotations

from typing import Protocol

from bench.runner.outcome import Outcome


class Progress(Protocol):
    """Told how far the run is; the command line draws bars."""

    def begin(self, stage: str, images: int, done: int) -> None:
        """A stage has ``images`` to do; ``done`` more were found finished."""
        ...

    def advance(self, outcome: Outcome) -> None:
        """One image is through."""
        ...


class Silent:
    """Progress that nobody watches."""

    def begin(self, stage: str, images: int, done: int) -> None:
        """Ignore."""

    def advance(self, outcome: Outcome) -> None:
        """Ignore."""
