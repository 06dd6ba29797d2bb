"""Derainers and judges of other people, each called in its own room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from bench.contract import Evidence, Image, Sample, Traits
from bench.errors import UserError
from bench.io.isolation import GuestRoom
from bench.protocols import BatchDerainer, Derainer, Judge, NamedDerainer


class GuestDerainer:
    """Calls a plug-in's derainer so that nothing but its result comes out (:class:`bench.protocols.Derainer`).

    Attributes:
        traits: The derainer's, or the usual ones.
        network: The derainer's PyTorch network, if it shows one.
        restore_batch: Only if the derainer has it.
        restore_named: Only if the derainer has it.

    Args:
        derainer: As its factory returned it.
        room: Where the factory was called.

    Raises:
        UserError: The derainer's ``traits`` are something else.
    """

    restore_batch: Callable[[Sequence[Image]], Sequence[Image]]
    restore_named: Callable[[Image, str], Image]

    def __init__(self, derainer: Derainer, room: GuestRoom) -> None:
        self._call = partial(room.run, derainer)
        self.traits = room.run(getattr, derainer, "traits", Traits())
        self.network = room.run(getattr, derainer, "network", None)
        if not isinstance(self.traits, Traits):
            raise UserError(
                f"a derainer's traits are {type(self.traits).__name__}, expected bench.contract.Traits(...), or none"
            )
        if isinstance(derainer, BatchDerainer):
            self.restore_batch = partial(room.run, derainer.restore_batch)
        if isinstance(derainer, NamedDerainer):
            self.restore_named = partial(room.run, derainer.restore_named)

    def __call__(self, rainy: Image, /) -> Image:
        """Restore one (H, W, 3) uint8 image."""
        return self._call(rainy)


class GuestJudge:
    """Calls a plug-in's task model so that nothing but its evidence comes out (:class:`bench.protocols.Judge`).

    Attributes:
        looks_alone: The judge's, or False.

    Args:
        judge: As its task returned it.
        room: Where it was loaded.
    """

    def __init__(self, judge: Judge, room: GuestRoom) -> None:
        self._call = partial(room.run, judge)
        self.looks_alone = bool(room.run(getattr, judge, "looks_alone", False))

    def __call__(self, images: Sequence[Image], samples: Sequence[Sample], /) -> Sequence[Evidence]:
        """Look at restored images; one evidence an image."""
        return self._call(images, samples)
