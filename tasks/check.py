"""The contract test of a task model: what every judge has to keep to, tried on one picture and parts of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from bench.contract import Detections, Evidence, Image, Sample, Truth
from bench.io.trials import Finding, tried, watched_sockets
from bench.protocols import Judge

SIZES = ((96, 128), (95, 127), (128, 96), (75, 110))
"""(height, width) of the parts: even, odd, upright, and no multiple of 8 or 16."""
_SCORES_APART = 1e-4
"""How far a score may lie from that of the same object in another batch: sums are taken in another order."""


def check_model(judge: Judge, picture: Image) -> tuple[Finding, ...]:
    """Try a loaded model against every rule; an exception of the model is a finding, too.

    Answers of a wrong form are all that is told of a model that gives them.

    Args:
        judge: The model, as :meth:`bench.protocols.Task.judge` loads it.
        picture: (H, W, 3) uint8 RGB, at least 128 pixels high and wide, best with objects in it.
    """
    trial = _Trial(judge, picture)
    form = tried("an answer of the right form", trial.form)
    if not form.passed:
        return (form,)
    rules: tuple[tuple[str, Callable[[], str]], ...] = (
        ("any size, odd ones too", trial.any_size),
        ("leaves its images alone", trial.input_untouched),
        ("same image, same answer", trial.deterministic),
        ("an image's answer does not depend on its neighbours", trial.batch_is_single),
        ("no network while judging", trial.no_network),
    )
    return (form, *(tried(rule, rule_trial) for rule, rule_trial in rules))


@dataclass(frozen=True)
class _Trial:
    """A model and the picture that it is tried on; every rule answers what is wrong, or nothing."""

    judge: Judge
    picture: Image

    def look(self, *images: Image) -> Sequence[Evidence]:
        """Ask the model about images; samples tell it no more than the sizes."""
        samples = [
            Sample(str(place), image, None, Truth((image.shape[0], image.shape[1])))
            for place, image in enumerate(images)
        ]
        return self.judge(images, samples)

    def part(self, size: tuple[int, int]) -> Image:
        """The middle of the picture."""
        top, left = ((whole - side) // 2 for whole, side in zip(self.picture.shape, size, strict=False))
        return np.ascontiguousarray(self.picture[top : top + size[0], left : left + size[1]])

    def form(self) -> str:
        self.look(self.picture)  # what is asked for is checked where answers become evidence
        return ""

    def any_size(self) -> str:
        for height, width in SIZES:
            found = tried("", partial(self._seen, (height, width)))
            if not found.passed:
                return f"{width}x{height}: {found.detail}"
        return ""

    def _seen(self, size: tuple[int, int]) -> str:
        self.look(self.part(size))
        return ""

    def input_untouched(self) -> str:
        image = self.picture.copy()
        self.look(image)
        return "" if np.array_equal(image, self.picture) else "the image was overwritten"

    def deterministic(self) -> str:
        (first,) = self.look(self.picture)
        self.look(255 - self.picture)
        (second,) = self.look(self.picture)
        return difference(first, second)

    def batch_is_single(self) -> str:
        pictures = (255 - self.picture, self.picture, self.part(SIZES[1]))
        for place, (beside, picture) in enumerate(zip(self.look(*pictures), pictures, strict=True)):
            (alone,) = self.look(picture)
            if fault := difference(alone, beside):
                return f"image {place + 1} of 3: {fault}"
        return ""

    def no_network(self) -> str:
        with watched_sockets() as addresses:
            self.look(self.picture)
        return f"it tried to reach {addresses[0]}" if addresses else ""


def difference(one: Evidence, other: Evidence) -> str:
    """Say in a few words how two answers about one image differ; empty if they do not."""
    if isinstance(one, Detections) and isinstance(other, Detections):
        if len(one.scores) != len(other.scores):
            return f"{len(one.scores)} objects became {len(other.scores)}"
        apart = float(np.abs(one.scores - other.scores).max(initial=0.0))
        return f"scores differ by up to {apart:.2g}" if apart > _SCORES_APART else ""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        different = int(np.count_nonzero(one != other))
        return f"{different} of {one.size} pixels differ" if different > one.size // 1000 else ""
    return ""
