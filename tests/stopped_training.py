"""A training that is stopped in the middle, as by Ctrl-C, for the tests of all that train."""

from __future__ import annotations

from collections.abc import Callable


class StoppedError(Exception):
    """Raised in the middle of a training."""


def stop_after(step: int) -> Callable[[int, object], None]:
    """Make what a training calls after every step, and which stops it after the given one."""

    def report(done: int, _: object) -> None:
        if done == step:
            raise StoppedError

    return report
