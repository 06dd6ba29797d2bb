"""Rain, labelled photographs, and the datasets built from both."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bench.contract import Parameters
from bench.registry import Registry

if TYPE_CHECKING:
    from synth.rain import Renderer

RAINS: Registry[Callable[[Parameters], Renderer]] = Registry(
    kind="rain renderer",
    targets={
        "streaks": "synth.rain:build",
    },
    group="derainbench.rains",
)
"""Rain renderers by name: a factory from parameters to a :class:`synth.rain.Renderer`."""
