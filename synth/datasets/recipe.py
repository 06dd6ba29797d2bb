"""Say what a dataset is made from, and the same without whose machine it is on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bench.contract import Parameter, Parameters
from synth.datasets.selection import Policy


@dataclass(frozen=True)
class Recipe:
    """Everything that a dataset is made from.

    Attributes:
        name: The dataset's name; part of every image's randomness.
        source: Name of the source of photographs.
        root: The photographs' folder; None for sources that draw them.
        parameters: The source's parameters.
        rain: A preset (``coco350_y``) or a renderer (``imgaug``, ``path/to/mine.py:build``); empty for sources
            that bring rainy images; ``real`` for photographs that are used as they are, without clean ones.
        rain_parameters: The renderer's parameters, or changes to the preset.
        severity: 1 is the preset as calibrated; less is lighter, more is heavier.
        seed: Of the choice of photographs and of the rain.
        count: How many photographs; None for all.
        size: ``WIDTHxHEIGHT`` or ``any``; see :class:`synth.datasets.selection.Policy`, also for what follows.
        objects: Least number of labelled objects.
        only: Attributes that a photograph must have.
        without: Attributes that it must not have.
        share: How much of the choice must have an attribute.
    """

    name: str
    source: str
    root: Path | None = None
    parameters: Parameters = field(default_factory=dict)
    rain: str = ""
    rain_parameters: Parameters = field(default_factory=dict)
    severity: float = 1.0
    seed: int = 0
    count: int | None = None
    size: str = "any"
    objects: int = 0
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    share: str = ""

    @property
    def policy(self) -> Policy:
        """Return the rules by which photographs are chosen."""
        return Policy(self.count, self.size, self.seed, self.objects, self.only, self.without, self.share)


def portable(parameters: Parameters) -> dict[str, Parameter]:
    """Reduce absolute paths among parameters to their last part, so that no folder of this machine is in a card."""
    return {
        name: Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value
        for name, value in sorted(parameters.items())
    }


def short_name(name: str) -> str:
    """Shorten ``path/to/mine.py:build`` to what is the same on every machine; leave a registered name as it is."""
    return name.rpartition("/")[2]
