"""Render rain: a pure function of image, parameters and key to the rainy image and its layers.

``from synth.rain import Rain, render`` needs no deeper path. The renderer is :mod:`synth.rain.renderer`; read it first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synth.rain.renderer import Rain as Rain
    from synth.rain.renderer import Renderer as Renderer
    from synth.rain.renderer import render as render

__all__ = ["Rain", "Renderer", "render"]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: the table of names in :mod:`synth` must stay light."""
    if name not in __all__:
        raise AttributeError(f"module 'synth.rain' has no attribute {name!r}; it has {', '.join(__all__)}")
    from synth.rain import renderer

    return getattr(renderer, name)
