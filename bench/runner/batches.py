"""Many images through one model: grouped by size, in batches, read and written while the model computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from time import perf_counter
from typing import Generic, TypeVar

from bench.contract import Image, Sample
from bench.errors import ImageError, UserError, reason_of
from bench.runner.prefetch import Attempt, overlapped

Product = TypeVar("Product")
AHEAD = 2
"""Images that are read before a model wants them, and images that wait to be written."""


@dataclass(frozen=True)
class Given:
    """A sample, the image of it that a model is given, and the seconds that reading took."""

    sample: Sample
    image: Image
    reading: float = 0.0


@dataclass(frozen=True)
class Result:
    """What became of one image: seconds in the model, or in one line why there is nothing.

    The error itself is not kept: it would keep what the failed attempt held in memory. Reading and writing are seconds
    in other threads, beside the model.
    """

    id: str
    seconds: float = 0.0
    failure: str | None = None
    reading: float = 0.0
    writing: float = 0.0


@dataclass(frozen=True)
class Made(Generic[Product]):
    """What a model made of a sample, and its seconds."""

    given: Given
    product: Product
    seconds: float


def in_batches(
    ids: Sequence[str],
    batch: int,
    load: Callable[[str], Given],
    process: Callable[[Sequence[Given]], Sequence[Product]],
    store: Callable[[Sample, Product], None],
) -> Iterator[Result]:
    """Load, process and store images in turn; the model computes while others are read and written.

    Args:
        ids: The images.
        batch: How many are loaded before they are processed, those of one size together.
        load: Runs in other threads.
        process: Runs in this one; gives one product an image. An image that breaks a batch is found and alone blamed.
        store: Runs in other threads.

    Yields:
        One result an image.

    Raises:
        UserError: Something the user has to mend; whatever else is raised is the error of an image.
    """

    def keep(made: Made[Product] | Result) -> Result:
        if isinstance(made, Result):
            return made
        started = perf_counter()
        store(made.given.sample, made.product)
        writing = perf_counter() - started
        return Result(made.given.sample.id, made.seconds, reading=made.given.reading, writing=writing)

    def timed(id: str) -> Given:
        started = perf_counter()
        given = load(id)
        return replace(given, reading=perf_counter() - started)

    loaded = overlapped(timed, ids, batch + AHEAD)
    for attempt in overlapped(keep, _made(loaded, batch, process), AHEAD):
        try:
            yield attempt.value
        except UserError:
            raise
        except Exception as error:
            made = attempt.item
            yield made if isinstance(made, Result) else failed(made.given.sample.id, error)


def failed(id: str, error: Exception | SystemExit) -> Result:
    """The result of an image that an error is about."""
    return Result(id, failure=" ".join(reason_of(error).split()))


def _made(
    loaded: Iterator[Attempt[str, Given]], batch: int, process: Callable[[Sequence[Given]], Sequence[Product]]
) -> Iterator[Made[Product] | Result]:
    given: list[Given] = []
    for attempt in loaded:
        try:
            given.append(attempt.value)
        except UserError:
            raise
        except Exception as error:
            yield failed(attempt.item, error)
        if len(given) == batch:
            yield from _by_size(given, process)
            given = []
    yield from _by_size(given, process)


def _by_size(
    given: Sequence[Given], process: Callable[[Sequence[Given]], Sequence[Product]]
) -> Iterator[Made[Product] | Result]:
    for _, same_size in groupby(given, key=lambda each: each.sample.truth.size):
        yield from _one_batch(list(same_size), process)


def _one_batch(
    given: Sequence[Given], process: Callable[[Sequence[Given]], Sequence[Product]]
) -> Iterator[Made[Product] | Result]:
    started = perf_counter()
    blamed: Result | None = None
    try:
        products = process(given)
        if len(products) != len(given):
            raise ImageError(f"the model gave {len(products)} results for {len(given)} images")
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # a model may fail in any way; some end the program
        blamed = failed(given[0].sample.id, error)
    if blamed:
        # Outside of the handler, so that what the failed attempt held in memory is freed before the next.
        if len(given) == 1:
            yield blamed
            return
        half = len(given) // 2  # find the image that is to blame, or the batch that fits into memory
        yield from _one_batch(given[:half], process)
        yield from _one_batch(given[half:], process)
        return
    seconds = (perf_counter() - started) / len(given)
    yield from (Made(each, product, seconds) for each, product in zip(given, products, strict=True))
