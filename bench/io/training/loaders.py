"""Make the batches of a training ahead of its steps, in processes of their own: loaders.

A batch is a function of its step, so the number of loaders changes how long a training takes and none of its bytes.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import Generic, TypeVar

from bench.errors import UserError

Batch = TypeVar("Batch")

_LOST = "DataLoader worker"
"""PyTorch's errors about a loader that ended begin so; they come in the midst of whatever this process does."""


@contextmanager
def batches_ahead(make: Callable[[int], Batch], steps: range, loaders: int) -> Iterator[Iterator[Batch]]:
    """Give the batches of some steps in their order while the block lasts, each loader two batches ahead.

    Args:
        make: Gives the batch of a step. For loaders it must be picklable, and batches should be tensors, which reach
            this process by shared memory.
        steps: Steps of the batches.
        loaders: Number of processes; 0 makes each batch here when its turn comes.

    Yields:
        The batches. What ``make`` raises is raised at its step.

    Raises:
        UserError: ``make`` raises one, or a loader was lost.
    """
    if not loaders or not steps:
        yield map(make, steps)
        return
    with closing(_made_elsewhere(make, steps, min(loaders, len(steps)))) as batches:
        try:
            yield batches
        except RuntimeError as error:
            if not str(error).startswith(_LOST):
                raise
            raise UserError(
                f"--loaders {loaders}: a process that makes batches was lost ({str(error).splitlines()[0]}): out of "
                "memory or of /dev/shm? Give the same command again with fewer loaders; it goes on from its checkpoint"
            ) from error


@dataclass(frozen=True)
class _Refusal:
    """What a loader sends in place of a batch that cannot be had: PyTorch would make a page of a one-line error."""

    reason: str


@dataclass(frozen=True)
class _Steps(Generic[Batch]):
    """A data set in PyTorch's sense: item i is the batch of step i of a range."""

    make: Callable[[int], Batch]
    steps: range

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, place: int) -> Batch | _Refusal:
        try:
            return self.make(self.steps[place])
        except UserError as error:
            return _Refusal(str(error))


def _made_elsewhere(make: Callable[[int], Batch], steps: range, loaders: int) -> Generator[Batch, None, None]:
    import torch
    from torch.utils.data import DataLoader

    loader: DataLoader[Batch | _Refusal] = DataLoader(
        _Steps(make, steps),  # type: ignore[arg-type]  # it need not inherit
        batch_size=None,
        collate_fn=_unchanged,
        num_workers=loaders,
        multiprocessing_context="spawn",  # a fork would inherit locks, a GPU and open files
        generator=torch.Generator(),  # else it would draw from the generator of the training
    )
    with _interrupts_held_back():
        batches = iter(loader)
    try:
        for batch in batches:
            if isinstance(batch, _Refusal):
                raise UserError(batch.reason)
            yield batch
    except (ConnectionError, EOFError) as error:  # PyTorch itself saw it only as far as the socket that a batch came by
        raise RuntimeError(f"{_LOST} ended while it handed a batch over") from error
    finally:
        # As long as a lost loader is on PyTorch's list, the end of any child process raises, wherever this one is.
        with suppress(RuntimeError):
            batches._shutdown_workers()  # type: ignore[attr-defined]  # has no public name


def _unchanged(batch: Batch) -> Batch:
    return batch


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Hold back Ctrl-C: processes that are started meanwhile never get it; for this one it comes afterwards."""
    resource_tracker.ensure_running()  # it would let interrupts through if it were started within the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
