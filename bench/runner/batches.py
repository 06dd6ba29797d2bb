"""Pass many images through one model: in batches of one size, read and written while the model computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Generic, TypeAlias, TypeVar

from bench.contract import Image, Sample
from bench.errors import ImageError, UserError
from bench.protocols import Dataset
from bench.runner.engines import share_of_cores
from bench.runner.outcome import Outcome
from bench.runner.prefetch import Attempt, overlapped
from bench.runner.stage_job import StageJob

Product = TypeVar("Product")
_FEWEST_LANES, _MOST_LANES = 2, 8
"""Threads that read, and as many that write, beside one model."""

_MOST_IMAGES = 16
_BYTES_PER_PIXEL = 16_000
"""Memory of a large network for one pixel in float32, and some room: an estimate for MPRNet, Restormer and MSPFN."""


@dataclass(frozen=True)
class BatchRule:
    """How many images of one size a model is given at once.

    A GPU's arithmetic depends on the shape of what it is given, so an image of a batch can differ from the same image
    alone. The number therefore follows from the image's size alone, the rule is part of the keys, and a batch that
    lacks images is filled up with copies of its last one.

    Attributes:
        pixels: Pixels of a batch at most; a single image may have more.
        most: Images of a batch at most.
    """

    pixels: int = 0
    most: int = 1

    def images(self, size: tuple[int, int]) -> int:
        """Return how many images of a size (height, width) make a batch: at least 1."""
        height, width = size
        return max(1, min(self.most, self.pixels // (height * width)))

    def ordered(self, dataset: Dataset) -> Sequence[str]:
        """List a dataset's images, those of one size together where they make batches."""
        return dataset.ids if self.most == 1 else sorted(dataset.ids, key=dataset.size)


ONE = BatchRule()
"""One image at a time."""


def batch_rule(images: int, memory_bytes: int) -> BatchRule:
    """Choose the rule of a run: so many images if it is said, else by size and memory on a GPU, and one elsewhere.

    A quarter of a megapixel or more keeps a GPU busy, and batches of a megapixel fit into 34 GB. On a smaller card
    the pixels are halved until they need half of its memory; so cards of 34 GB and more have one rule.

    Args:
        images: As in :class:`bench.contract.Options`; 0 chooses.
        memory_bytes: Of the GPU; 0 where there is none.
    """
    if images or not memory_bytes:
        return fixed_batch(images or 1)
    pixels = 1 << 20
    while 2 * pixels * _BYTES_PER_PIXEL > memory_bytes and pixels > 1:
        pixels //= 2
    return BatchRule(pixels, _MOST_IMAGES)


def fixed_batch(images: int) -> BatchRule:
    """Make the rule of so many images of any size."""
    return ONE if images == 1 else BatchRule(1 << 62, images)


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
    rule: BatchRule,
    load: Callable[[str], LoadedImage],
    process: Process[Product],
    store: Callable[[Sample, Product], None],
) -> Iterator[Outcome]:
    """Load, process and store a job's images in turn; the model computes while others are read and written.

    Args:
        job: Names the images.
        rule: How many of one size are processed at once, so far as they follow each other.
        load: Runs in other threads.
        process: Runs in this one, on full batches. An image that breaks a batch is found and alone blamed.
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

    lanes = min(max(_FEWEST_LANES, share_of_cores()), _MOST_LANES)
    ahead = rule.most - 1 + lanes  # while one batch is in the model, the next is read and the last written
    loading = overlapped(timed, job.step.ids, ahead + 1, lanes)
    for attempt in overlapped(keep, _processed(job, loading, rule, process), ahead, lanes):
        try:
            yield attempt.value
        except UserError:
            raise
        except Exception as error:
            made = attempt.item
            yield made if isinstance(made, Outcome) else job.failed(made.loaded.sample.id, error)


def _processed(
    job: StageJob[Any], loading: Iterator[Attempt[str, LoadedImage]], rule: BatchRule, process: Process[Product]
) -> Iterator[Processed[Product] | Outcome]:
    batch: list[LoadedImage] = []
    for attempt in loading:
        try:
            loaded = attempt.value
        except UserError:
            raise
        except Exception as error:
            yield job.failed(attempt.item, error)
            continue
        if batch and _size(batch[0]) != _size(loaded):
            yield from _one_batch(job, batch, rule, process)
            batch = []
        batch.append(loaded)
        if len(batch) == rule.images(_size(loaded)):
            yield from _one_batch(job, batch, rule, process)
            batch = []
    if batch:
        yield from _one_batch(job, batch, rule, process)


def _size(loaded: LoadedImage) -> tuple[int, int]:
    return loaded.sample.truth.size


def _one_batch(
    job: StageJob[Any], loaded: Sequence[LoadedImage], rule: BatchRule, process: Process[Product]
) -> Iterator[Processed[Product] | Outcome]:
    started = perf_counter()
    blamed: Outcome | None = None
    try:
        lacking = rule.images(_size(loaded[0])) - len(loaded)
        full = [*loaded, *(replace(loaded[-1], image=loaded[-1].image.copy()) for _ in range(lacking))]
        products = process(full)
        if len(products) != len(full):
            raise ImageError(f"the model gave {len(products)} results for {len(full)} images")
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # a model may fail in any way; some end the program
        blamed = job.failed(loaded[0].sample.id, error)
    if blamed:
        # Outside of the handler, so that what the failed attempt held in memory is freed before the next.
        if len(loaded) == 1:
            yield blamed
            return
        half = len(loaded) // 2  # find the image that is to blame
        yield from _one_batch(job, loaded[:half], rule, process)
        yield from _one_batch(job, loaded[half:], rule, process)
        return
    seconds = (perf_counter() - started) / len(loaded)
    yield from (Processed(each, product, seconds) for each, product in zip(loaded, products, strict=False))
