"""Read the named rains of ``presets.toml``, and define the severity ladder."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from bench.contract import Parameters
from bench.errors import UserError, did_you_mean
from synth.rain.parameters import RainParameters

LEVELS: tuple[float, ...] = (0.25, 0.5, 1.0, 1.5, 2.0)
"""Severity of the levels 1 to 5; level 3 is the preset as calibrated."""


def preset_names() -> tuple[str, ...]:
    """List the names of the presets, in the order of the file."""
    return tuple(_presets())


def preset(name: str) -> RainParameters:
    """Look up the parameters of a preset by its name.

    Raises:
        UserError: There is no such preset; the nearest names are given.
    """
    presets = _presets()
    if name not in presets:
        raise UserError(f"unknown rain preset {name!r}. {did_you_mean(name, presets)}")
    return presets[name]


@cache
def _presets() -> dict[str, RainParameters]:
    tables: dict[str, Parameters] = tomllib.loads((files("synth.rain") / "presets.toml").read_text("utf-8"))
    return {name: RainParameters().with_changes(table) for name, table in tables.items()}
