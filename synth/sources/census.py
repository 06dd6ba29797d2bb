"""Count what a source's labels hold, class by class, while its photographs are read one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from bench.contract import UNLABELLED, ClassSpace, Truth
from synth.sources.findings import Finding

_MOST_NAMED = 8
_TWO_VALUES = frozenset({0, UNLABELLED})


@dataclass
class Census:
    """Counts of all labels that were added.

    Attributes:
        objects: Objects by class id, crowds included.
        pixels: Pixels by class id, 255 for not labelled.
        maps: Label maps.
        binary: Label maps that hold nothing but 0 and 255, both.
    """

    objects: Counter[int] = field(default_factory=Counter)
    pixels: Counter[int] = field(default_factory=Counter)
    maps: int = 0
    binary: int = 0

    def add(self, truth: Truth) -> None:
        """Count the labels of one image."""
        if truth.instances is not None:
            self.objects.update(truth.instances.class_ids.tolist())
        if truth.label_map is not None:
            ids, counts = np.unique(truth.label_map, return_counts=True)
            self.pixels.update(dict(zip(ids.tolist(), counts.tolist(), strict=True)))
            self.maps += 1
            self.binary += set(ids.tolist()) == _TWO_VALUES

    def findings(self, objects: ClassSpace | None, labels: ClassSpace | None) -> Iterator[Finding]:
        """Name classes of the lists that occur nowhere, and label maps that look like masks of 0 and 255."""
        if self.objects and objects is not None:
            yield from _absent(objects, self.objects, "object")
        if not self.maps or labels is None:
            return
        if self.pixels.keys() <= {UNLABELLED}:
            yield Finding("nothing labelled", "", f"no pixel of the {self.maps} label maps has a class")
        elif self.binary == self.maps:
            yield Finding(
                "nothing labelled",
                "",
                f"all {self.maps} label maps hold nothing but 0 and {UNLABELLED}, which is not labelled: "
                f"{self.pixels[UNLABELLED]} of {self.pixels.total()} pixels are not scored. Save the foreground as 1",
            )
        yield from _absent(labels, self.pixels, "pixel")


def _absent(classes: ClassSpace, counts: Counter[int], unit: str) -> Iterator[Finding]:
    names = [name for id, name in zip(classes.ids, classes.names, strict=True) if not counts[id]]
    if names:
        more = ", ..." if len(names) > _MOST_NAMED else ""
        shown = ", ".join(names[:_MOST_NAMED]) + more
        yield Finding("class absent", "", f"{len(names)} of {len(classes.ids)} classes have no {unit}: {shown}")
