"""The two rows that frame every table: the rain as it is, and the scene without rain."""

from __future__ import annotations

from dataclasses import dataclass

from bench.contract import Image, Options, Traits


@dataclass(frozen=True)
class Unchanged:
    """Returns a copy of the image that it is given.

    Attributes:
        traits: Which image that is: the rainy one, or the clean one for the oracle.
    """

    traits: Traits

    def __call__(self, image: Image, /) -> Image:
        """Copy (H, W, 3) uint8."""
        return image.copy()


def rain(options: Options) -> Unchanged:
    """The lower end of the scale: no deraining at all."""
    return Unchanged(Traits(tileable=True))


def clean(options: Options) -> Unchanged:
    """The upper end of the scale, an oracle: it is given the clean image."""
    return Unchanged(Traits(reads="clean", tileable=True))
