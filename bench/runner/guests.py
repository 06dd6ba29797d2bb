"""Derainers and judges of other people, each called in its own room."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.contract import Evidence, Image, Sample, Traits
from bench.errors import UserError
from bench.io.isolation import GuestRoom
from bench.protocols import BatchDerainer, Derainer, Judge, NamedDerainer, traits_of


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
        self._derainer, self._room = derainer, room
        self.traits = room.run(lambda: traits_of(derainer))
        self.network = room.run(lambda: getattr(derainer, "network", None))
        if not isinstance(self.traits, Traits):
            raise UserError(
                f"a derainer's traits are {type(self.traits).__name__}, expected bench.contract.Traits(...), or none"
            )
        if isinstance(derainer, BatchDerainer):
            batch = derainer.restore_batch
            self.restore_batch = lambda rainy: room.run(lambda: batch(rainy))
        if isinstance(derainer, NamedDerainer):
            named = derainer.restore_named
            self.restore_named = lambda rainy, name: room.run(lambda: named(rainy, name))

    def __call__(self, rainy: Image, /) -> Image:
        """Restore one (H, W, 3) uint8 image."""
        return self._room.run(lambda: self._derainer(rainy))


class GuestJudge:
    """Calls a plug-in's task model so that nothing but its evidence comes out (:class:`bench.protocols.Judge`).

    Args:
        judge: As its task returned it.
        room: Where it was loaded.
    """

    def __init__(self, judge: Judge, room: GuestRoom) -> None:
        self._judge, self._room = judge, room

    def __call__(self, images: Sequence[Image], samples: Sequence[Sample], /) -> Sequence[Evidence]:
        """Look at restored images; one evidence an image."""
        return self._room.run(lambda: self._judge(images, samples))
