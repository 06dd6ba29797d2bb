"""Render rain on labelled photographs, and build datasets of both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contract import Parameters
from bench.protocols import Source
from bench.registry import Registry

if TYPE_CHECKING:
    from synth.rain.renderer import Renderer

RAINS: Registry[Callable[[Parameters], Renderer]] = Registry(
    kind="rain renderer",
    targets={
        "streaks": "synth.rain.renderer:build",
        "imgaug": "synth.rain.imgaug_renderer:build",
    },
    group="derainbench.rains",
)
"""Rain renderers by name: a factory from parameters to a :class:`synth.rain.renderer.Renderer`."""

SOURCES: Registry[Callable[[Path | None, Parameters], Source]] = Registry(
    kind="source",
    targets={
        "bdd": "synth.sources.bdd:open_bdd",
        "coco": "synth.sources.coco:open_coco",
        "folder": "synth.sources.folder:open_folder",
        "layout": "synth.sources.layouts.source:open_layout",
        "pairs": "synth.sources.pairs:open_pairs",
        "streets": "synth.streets.source:open_streets",
    },
    group="derainbench.sources",
)
"""Sources of labelled photographs by name: a factory from a folder and parameters to a Source."""
