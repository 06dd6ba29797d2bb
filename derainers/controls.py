"""The two control rows of every table: the rainy image as it is, and the clean image."""

from __future__ import annotations

from dataclasses import dataclass

from bench.contract import Image, Options, Traits


@dataclass(frozen=True)
class Unchanged:
    """A derainer that returns a copy of its input.

    Attributes:
        traits: State which image the derainer reads: the rainy one, or the clean one for the oracle.
    """

    traits: Traits

    def __call__(self, image: Image, /) -> Image:
        """Copy (H, W, 3) uint8."""
        return image.copy()


def rain(options: Options) -> Unchanged:
    """Build the control ``rain``, the lower end of the scale: the rainy image, not derained at all."""
    return Unchanged(Traits(tileable=True))


def clean(options: Options) -> Unchanged:
    """Build the control ``clean``, the upper end of the scale: an oracle that is given the clean image."""
    return Unchanged(Traits(reads="clean", tileable=True))
