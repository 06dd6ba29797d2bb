"""Open the rains of a training: presets, other renderers, and kinds of rain that the training itself defines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.errors import UserError
from bench.training.derainer_config import DerainerTraining, RainMixture
from synth import RAINS
from synth.datasets.build import open_renderer
from synth.rain.presets import preset_names
from synth.rain.renderer import Renderer, StreakRenderer

_RANGES = {"severities": 10.0, "zooms": 4.0}
"""Greatest values; the least are 0.1."""


def open_rains(training: DerainerTraining) -> list[Renderer]:
    """Make every renderer of one training, each as often as it is named and at every zoom.

    Raises:
        UserError: A rain or one of its parameters is unknown, a kind's name is taken or nowhere used, or a severity or
            zoom is out of range.
    """
    _check(training)
    rain = training.rain
    opened = {name: _open(training, name) for name in rain.presets}
    return [_zoomed(opened[name], zoom) for name in rain.presets for zoom in rain.zooms]


def fingerprints_of(training: DerainerTraining) -> dict[str, str]:
    """List the rains of one training by name, with all their parameters in the fingerprint."""
    return {name: _open(training, name).fingerprint for name in training.rain.presets}


def _open(training: DerainerTraining, name: str) -> Renderer:
    kind = training.rain.kinds.get(name)
    parameters = dict(kind or {})
    renderer = name if kind is None else str(parameters.pop("renderer", "streaks"))
    try:
        return open_renderer(renderer, parameters)
    except UserError as error:
        place = "rain.presets" if kind is None else f"rain.kinds.{name}"
        raise UserError(f"training {training.name}: {place}: {error}") from error


def _check(training: DerainerTraining) -> None:
    for what, most in _RANGES.items():
        values: Sequence[float] = getattr(training.rain, what)
        if wrong := [value for value in values if not 0.1 <= value <= most]:
            raise UserError(f"training {training.name}: rain.{what}: expected 0.1 to {most:g}, got {wrong[0]!r}")
    for name in training.rain.kinds:
        if fault := _fault_of_kind(training.rain, name):
            raise UserError(f"training {training.name}: rain.kinds.{name}: {fault}")


def _fault_of_kind(rain: RainMixture, name: str) -> str:
    """Say what is wrong with the name of one kind; empty if nothing is."""
    if name in preset_names() or name in RAINS.entries():
        return "is the name of a preset or renderer; choose another name"
    if name not in rain.presets:
        return f"takes no part; name it in rain.presets ({', '.join(rain.presets)}), or leave it out"
    return ""


def _zoomed(renderer: Renderer, zoom: float) -> Renderer:
    if not isinstance(renderer, StreakRenderer):  # another one, whose sizes have no names here
        return renderer
    p = renderer.parameters
    changes = {"length": p.length * zoom, "width": p.width * zoom, "density": p.density / zoom**2}
    return replace(renderer, parameters=p.with_changes(changes)) if zoom != 1 else renderer
