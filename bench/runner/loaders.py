"""Load datasets, builders, derainers and judges in the process that needs them, and keep what was loaded last."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol, TypeVar, cast

from bench.contract import Options
from bench.devices import give_back_memory, give_back_threads
from bench.errors import UserError
from bench.io.isolation import GuestRoom
from bench.protocols import Dataset, Derainer, Judge, Task
from bench.registry import Entry
from bench.runner.guests import GuestDerainer, GuestJudge

Loaded_co = TypeVar("Loaded_co", covariant=True)


class Loader(Hashable, Protocol[Loaded_co]):
    """Makes an object in the process that needs it. Equal loaders make equal objects, so one is kept."""

    def __call__(self) -> Loaded_co:
        """Make it."""
        ...


@dataclass(frozen=True)
class DatasetLoader:
    """Opens a finished dataset folder with ``open``, a module-level function."""

    open: Callable[[Path], Dataset]
    folder: Path

    def __call__(self) -> Dataset:
        """Open the folder."""
        return self.open(self.folder)


@dataclass(frozen=True)
class DerainerLoader:
    """Builds a derainer from its registered factory."""

    entry: Entry
    options: Options

    def __call__(self) -> Derainer:
        """Import the factory and call it; a plug-in's derainer stays in a room of its own.

        Raises:
            UserError: It cannot be imported, or is no derainer.
            Exception: Whatever else the factory raises.
        """
        room = self.entry.room()
        factory = cast(Callable[[Options], Derainer], self.entry.load(room))
        derainer = room.run(factory, self.options) if room else factory(self.options)
        if not callable(derainer):
            raise UserError(
                f"{self.entry.name}: its factory returned {type(derainer).__name__}, expected a callable "
                "that takes an image (H, W, 3) uint8 and returns one like it"
            )
        return GuestDerainer(derainer, room) if room else derainer


@dataclass(frozen=True)
class JudgeLoader:
    """Loads a task's model.

    On a CPU it computes with one thread unless the options say how many: sums of floats depend on the number of
    threads, and evidence must not depend on the number of workers.
    """

    task: Task
    options: Options

    def __call__(self) -> Judge:
        """Load the task's model; that of a plug-in's task stays in a room of its own."""
        options = replace(self.options, threads=self.options.threads or 1)
        if type(self.task).__module__.startswith("tasks."):
            return self.task.judge(options)
        room = GuestRoom()
        return GuestJudge(room.run(self.task.judge, options), room)


def forget() -> None:
    """Drop models, builders and datasets: the files behind them may change before this process runs again.

    PyTorch has its threads back, and the system the memory: freed by one stage in pieces, it does not fit the next.
    """
    kept_model.cache_clear()
    give_back_threads()
    kept_data.cache_clear()
    give_back_memory()


@lru_cache(maxsize=1)
def kept_model(loader: Loader[Loaded_co]) -> Loaded_co:
    """One model at a time: a derainer and a task model are never in memory together."""
    return loader()


@lru_cache(maxsize=16)
def kept_data(loader: Loader[Loaded_co]) -> Loaded_co:
    """Builders and datasets, each opened once in a process."""
    return loader()
