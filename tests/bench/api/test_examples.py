"""The examples in the docstrings of the library run as they stand, one after the other in one folder."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import bench.api

FIRST = ("run_suite", "derain_files")
"""These leave what the others read: a run, and restored images."""


def test_every_public_function_has_an_example_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(verbose=False)
    for name in (*FIRST, *(name for name in bench.api.__all__ if name not in FIRST)):
        (example,) = doctest.DocTestFinder(recurse=False).find(getattr(bench.api, name), name, globs={})
        assert example.examples, f"{name} has no example"
        told: list[str] = []
        runner.run(example, out=told.append)
        assert runner.failures == 0, "".join(told)


def test_a_name_that_is_not_public_is_answered_with_those_that_are() -> None:
    with pytest.raises(AttributeError, match=r"has no attribute 'run_all'; it has .*run_suite"):
        _ = bench.api.run_all
