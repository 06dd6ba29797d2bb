"""The library: what the commands do, in a few lines of Python.

>>> from pathlib import Path
>>> from bench.api import load_suite, override, run_suite
>>> suite = override(load_suite("streets"), count=2, derainers=["rain", "clean"], tasks=["quality"])
>>> result = run_suite(suite, Path("run1"))  # doctest: +SKIP

The names of ``__all__`` are the public ones; each is imported when it is first used. Only this room,
:mod:`bench.training` and :mod:`bench.perf` know ``derainers``, ``synth`` and ``tasks``. Scripts, notebooks and the
commands come in. Read :mod:`bench.api.run` first.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.api.datasets import build_dataset as build_dataset
    from bench.api.derainers import build_derainer as build_derainer
    from bench.api.derainers import find_derainer as find_derainer
    from bench.api.derainers import try_derainer as try_derainer
    from bench.api.images import derain_files as derain_files
    from bench.api.images import plan_derain as plan_derain
    from bench.api.images import quality_judge as quality_judge
    from bench.api.images import score_folders as score_folders
    from bench.api.merge import merge_runs as merge_runs
    from bench.api.models import try_model as try_model
    from bench.api.report import write_report as write_report
    from bench.api.run import open_suite as open_suite
    from bench.api.run import plan_run as plan_run
    from bench.api.run import run_opened as run_opened
    from bench.api.run import run_suite as run_suite
    from bench.api.verify import verify_run as verify_run
    from bench.runs.records import read_records as read_records
    from bench.scoring.gains import gains_over_rain as gains_over_rain
    from bench.scoring.intervals import compare_rows as compare_rows
    from bench.suites.suite import load_suite as load_suite
    from bench.suites.suite import override as override
    from bench.tables.joining import join_runs as join_runs
    from bench.tables.wide import wide as wide

_HOMES = {
    "bench.api.datasets": ("build_dataset",),
    "bench.api.derainers": ("build_derainer", "find_derainer", "try_derainer"),
    "bench.api.images": ("derain_files", "plan_derain", "quality_judge", "score_folders"),
    "bench.api.merge": ("merge_runs",),
    "bench.api.models": ("try_model",),
    "bench.api.report": ("write_report",),
    "bench.api.run": ("open_suite", "plan_run", "run_opened", "run_suite"),
    "bench.api.verify": ("verify_run",),
    "bench.runs.records": ("read_records",),
    "bench.scoring.gains": ("gains_over_rain",),
    "bench.scoring.intervals": ("compare_rows",),
    "bench.suites.suite": ("load_suite", "override"),
    "bench.tables.joining": ("join_runs",),
    "bench.tables.wide": ("wide",),
}
"""Module to the public names that it defines."""

_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'bench.api' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return list(__all__)
