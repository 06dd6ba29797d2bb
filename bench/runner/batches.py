"""Pass many images through one model: grouped by size, in batches, read and written while the model computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from time import perf_counter
from typing import Any, Generic, TypeAlias, TypeVar

from bench.contract import Image, Sample
from bench.errors import ImageError, UserError
from bench.runner.outcome import Outcome
from bench.runner.prefetch import Attempt, overlapped
from bench.runner.stage_job import StageJob

Product = TypeVar("Product")
AHEAD = 2
"""Images that are read before a model wants them, and images that wait to be written."""


@dataclass(frozen=True)
class LoadedImage:
    """A sample, the image of it that a model is given, and the seconds that reading took."""

    sample: Sample
    image: Image
    reading: float = 0.0


@dataclass(frozen=True)
class Processed(Generic[Product]):
    """A loaded image and what the model made of it in how many seconds."""

    loaded: LoadedImage
    product: Product
    seconds: float


Process: TypeAlias = Callable[[Sequence[LoadedImage]], Sequence[Product]]
"""A model: one product an image."""


def in_batches(
    job: StageJob[Any],
    batch: int,
    load: Callable[[str], LoadedImage],
    process: Process[Product],
    store: Callable[[Sample, Product], None],
) -> Iterator[Outcome]:
    """Load, process and store a job's images in turn; the model computes while others are read and written.

    Args:
        job: Names the images.
        batch: How many are loaded before they are processed, those of one size together.
        load: Runs in other threads.
        process: Runs in this one. An image that breaks a batch is found and alone blamed.
        store: Runs in other threads.

    Yields:
        One outcome an image.

    Raises:
        UserError: Something the user has to mend; whatever else is raised is the error of an image.
    """

    def timed(id: str) -> LoadedImage:
        started = perf_counter()
        loaded = load(id)
        return replace(loaded, reading=perf_counter() - started)

    def keep(made: Processed[Product] | Outcome) -> Outcome:
        if isinstance(made, Outcome):
            return made
        started = perf_counter()
        store(made.loaded.sample, made.product)
        writing = perf_counter() - started
        return Outcome(job.step.row, made.loaded.sample.id, made.seconds, None, made.loaded.reading, writing)

    loading = overlapped(timed, job.step.ids, batch + AHEAD)
    for attempt in overlapped(keep, _processed(job, loading, batch, process), AHEAD):
        try:
            yield attempt.value
        except UserError:
            raise
        except Exception as error:
            made = attempt.item
            yield made if isinstance(made, Outcome) else job.failed(made.loaded.sample.id, error)


def _processed(
    job: StageJob[Any], loading: Iterator[Attempt[str, LoadedImage]], batch: int, process: Process[Product]
) -> Iterator[Processed[Product] | Outcome]:
    loaded: list[LoadedImage] = []
    for attempt in loading:
        try:
            loaded.append(attempt.value)
        except UserError:
            raise
        except Exception as error:
            yield job.failed(attempt.item, error)
        if len(loaded) == batch:
            yield from _by_size(job, loaded, process)
            loaded = []
    yield from _by_size(job, loaded, process)


def _by_size(
    job: StageJob[Any], loaded: Sequence[LoadedImage], process: Process[Product]
) -> Iterator[Processed[Product] | Outcome]:
    for _, same_size in groupby(loaded, key=lambda each: each.sample.truth.size):
        yield from _one_batch(job, list(same_size), process)


def _one_batch(
    job: StageJob[Any], loaded: Sequence[LoadedImage], process: Process[Product]
) -> Iterator[Processed[Product] | Outcome]:
    started = perf_counter()
    blamed: Outcome | None = None
    try:
        products = process(loaded)
        if len(products) != len(loaded):
            raise ImageError(f"the model gave {len(products)} results for {len(loaded)} images")
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # a model may fail in any way; some end the program
        blamed = job.failed(loaded[0].sample.id, error)
    if blamed:
        # Outside of the handler, so that what the failed attempt held in memory is freed before the next.
        if len(loaded) == 1:
            yield blamed
            return
        half = len(loaded) // 2  # find the image that is to blame, or the batch that fits into memory
        yield from _one_batch(job, loaded[:half], process)
        yield from _one_batch(job, loaded[half:], process)
        return
    seconds = (perf_counter() - started) / len(loaded)
    yield from (Processed(each, product, seconds) for each, product in zip(loaded, products, strict=True))
