"""A derainer that sleeps as long as a network would compute on a GPU, and gives the image back.

It stands for a GPU where there is none: whatever else a run does meanwhile, it does on the processor.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from bench.contract import Image, Options, Traits

SECONDS = 0.03
"""An image, alone or in a batch."""


class Sleeper:
    """Sleeps for every image."""

    traits = Traits()

    def __call__(self, rainy: Image, /) -> Image:
        """Sleep, and return the image."""
        return self.restore_batch([rainy])[0]

    def restore_batch(self, rainy: Sequence[Image], /) -> Sequence[Image]:
        """Sleep for as long as all images take, and return them."""
        time.sleep(SECONDS * len(rainy))
        return rainy


def build(options: Options) -> Sleeper:
    """Make one."""
    return Sleeper()
