"""Figures of speed are measured; what they are is for the table, since a busy machine would make a test fail."""

import pytest

torch = pytest.importorskip("torch")

from bench.perf.derainers import derainer_speeds  # noqa: E402


def test_every_comparison_is_measured():
    frame = derainer_speeds(height=16, width=24, images=2, turns=1)
    assert [what.split()[0] for what in frame["what"]] == ["mspfn:", "prenet:", "derain,"]
    assert (frame["seconds"] > 0).all()
    assert (frame["ratio"] == frame["reference_seconds"] / frame["seconds"]).all()
