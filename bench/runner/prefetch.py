"""Apply a function in background threads, a bounded number of items ahead of the consumer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Attempt(Generic[Item, Value]):
    """The result of the function for one item: a value, or the error that came in its place."""

    item: Item
    _future: Future[Value]

    @property
    def value(self) -> Value:
        """Return the value; raise the error where there is none."""
        return self._future.result()


def overlapped(
    function: Callable[[Item], Value], items: Iterable[Item], most: int, threads: int = 2
) -> Iterator[Attempt[Item, Value]]:
    """Apply a function in threads, some items ahead of whoever takes the results.

    Two of these around a model overlap reading, computing and writing: one applies the reading to names, the model
    takes its results and yields products, the other applies the writing to those.

    Args:
        function: Runs in other threads; for any gain it waits or lets go of Python's lock, as codecs do.
        items: Taken in the caller's thread, one by one, when there is room.
        most: So many items are begun before the first result is given, which bounds the memory.
        threads: How many work at once.

    Yields:
        One attempt an item, finished, in the order of the items.
    """
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Attempt[Item, Value]] = deque()
        try:
            for item in items:
                pending.append(Attempt(item, pool.submit(function, item)))
                if len(pending) >= most:
                    yield _finished(pending.popleft())
            while pending:
                yield _finished(pending.popleft())
        finally:
            for attempt in pending:
                attempt._future.cancel()


def _finished(attempt: Attempt[Item, Value]) -> Attempt[Item, Value]:
    attempt._future.exception()  # waits, and does not raise
    return attempt
