"""A derainer may be a plain function; a task without a version is refused before any work, with what to add."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from bench.api.run import open_suite, plan_run, run_suite
from bench.contract import Image, Traits
from bench.errors import UserError
from bench.protocols import traits_of
from bench.suites.suite import load_suite, override

TASK = """
from bench.contract import Measure, Summary

class Brightness:
    name = "brightness"
    {version}
    model = ""
    protocol = "mean of all values"
    needs = frozenset()
    fingerprint = "brightness"
    scoring = {{}}

    def judge(self, options):
        return lambda images, samples: [{{"mean": float(image.mean())}} for image in images]

    def summarise(self, evidence, truths):
        values = [seen["mean"] for seen in evidence.values()]
        return Summary((Measure("mean", sum(values) / len(values), "", len(values)),))

def build(parameters, classes):
    return Brightness()
"""


def install(site: Path, module: str, version: str) -> None:
    """Make an installed distribution that brings a task; the real importlib.metadata finds it."""
    (site / f"{module}.py").write_text(TASK.format(version=version))
    (site / f"{module}-1.0.dist-info").mkdir()
    (site / f"{module}-1.0.dist-info/METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    points = f"[derainbench.tasks]\nbrightness = {module}:build\n"
    (site / f"{module}-1.0.dist-info/entry_points.txt").write_text(points)


@pytest.mark.parametrize(
    ("number", "version", "got"), [(0, "", "None"), (1, "version = ''", "''"), (2, "version = 1", "1")]
)
def test_a_task_without_a_version_is_refused_with_what_to_add(
    number: int, version: str, got: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, f"versionless{number}", version)
    monkeypatch.syspath_prepend(str(tmp_path))
    suite = override(load_suite("streets"), count=1, derainers=["rain"], tasks=["quality"])
    suite = suite.model_copy(update={"tasks": {"brightness": {}}})
    opened = open_suite(suite)
    for attempt in (partial(plan_run, opened), partial(run_suite, suite)):
        with pytest.raises(
            UserError, match=f"task 'brightness': expected an attribute version, a text, got {got}; write"
        ):
            attempt(tmp_path / "out")
    assert not (tmp_path / "out/data").exists()


def test_a_plugins_version_stands_in_the_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "versioned", 'version = "2026-11"')
    monkeypatch.syspath_prepend(str(tmp_path))
    suite = override(load_suite("streets"), count=1, derainers=["rain"], tasks=["quality"])
    result = run_suite(suite.model_copy(update={"tasks": {"brightness": {}}, "resamples": 0}), tmp_path / "out")
    assert [record.metric for record in result.records] == ["mean"]
    card = (tmp_path / "out/card.json").read_text()
    assert card.count('"version": "2026-11"') == 2  # of the task, and of the protocol


@dataclass
class OnClean:
    traits: Traits

    def __call__(self, rainy: Image, /) -> Image:
        return rainy


def test_traits_are_those_stated_or_the_defaults() -> None:
    assert traits_of(lambda rainy: rainy) == Traits()
    stated = Traits(reads="clean")
    assert traits_of(OnClean(stated)) is stated
