"""Plan the missing images of every row as steps of at most N images. No side effects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bench.runs.rows import Row


@dataclass(frozen=True)
class Step:
    """A few images of one row: the unit that a worker takes."""

    row: Row
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """Steps in the order in which they run, how many images were found done, and which are not to be replaced."""

    steps: tuple[Step, ...]
    done: int
    stale: tuple[tuple[Row, str], ...] = ()

    @property
    def images(self) -> int:
        """Count the images of all steps."""
        return sum(len(step.ids) for step in self.steps)


def plan(
    rows: Iterable[tuple[Row, Sequence[str]]],
    is_done: Callable[[Row, str], bool],
    chunk: Callable[[Row], int],
    is_stale: Callable[[Row, str], bool] = lambda row, id: False,
) -> Plan:
    """Plan the missing images of every row, row after row, so that one model is loaded at a time.

    The cut into steps depends on what is missing alone, never on who is free.

    Args:
        rows: Rows and the ids of all their images, in order.
        is_done: Whether an image of a row is there already, under the right key.
        chunk: Images of one step of a row at most.
        is_stale: Whether an image that is not done is there under another key, and has to stay.
    """
    steps: list[Step] = []
    stale: list[tuple[Row, str]] = []
    done = 0
    for row, ids in rows:
        undone = [id for id in ids if not is_done(row, id)]
        left = {id: row for id in undone if is_stale(row, id)}
        missing = [id for id in undone if id not in left]
        done += len(ids) - len(undone)
        stale += [(row, id) for id in left]
        most = chunk(row)
        steps += [Step(row, tuple(missing[start : start + most])) for start in range(0, len(missing), most)]
    return Plan(tuple(steps), done, tuple(stale))
