"""The simulation behind docs/scaling.md: its arithmetic, and the numbers that the page quotes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scaling_simulation", DOCS / "scaling_simulation.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["scaling_simulation"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_steps_go_to_the_worker_that_is_free_first(simulation: ModuleType) -> None:
    slow, quick = simulation.RowCost(24, 2.0), simulation.RowCost(24, 0.5)
    assert simulation.makespan([slow, quick], 1) == 60
    assert simulation.makespan([slow, quick], 1, start=3) == 63
    # Two workers: 16 + 16, then 16 + 4 + 4 + 4 beside each other: three steps of 16 s cannot be halved.
    assert simulation.makespan([slow, quick], 2) == 32
    assert simulation.makespan([slow, quick], 100) == 16
    assert simulation.makespan([simulation.RowCost(9, 1.0, load=5.0)], 1) == 14, "a model is loaded once"


def test_an_error_leaves_the_start_out(simulation: ModuleType) -> None:
    point = simulation.Point("2 workers", predicted=32.0, measured=42.0, start=2.0)
    assert point.error == pytest.approx(-0.25)
    assert str(point) == "2 workers: predicted 32.0 s, measured 42.0 s (2.0 s of them start), off by -25.0%"


def test_the_page_quotes_what_the_simulation_gives(simulation: ModuleType) -> None:
    page = (DOCS / "scaling.md").read_text(encoding="utf-8")
    for name, images, size, megapixels in (
        ("COCO val", 5000, "640x480", 0.3072),
        ("BDD100K", 10000, "1280x720", 0.9216),
    ):
        row = next(line for line in page.splitlines() if line.startswith(f"| {name}, {images:,} x {size} |"))
        cells = [cell.strip() for cell in row.strip("|").split("|")][1:]
        assert cells[0] == f"{simulation.gigabytes(images, megapixels):.0f} GB"
        spread = [(simulation.CPU, 1), (simulation.CPU, 16), (simulation.CPU, 64)]
        spread += [(simulation.GPU, 1), (simulation.GPU, 8), (simulation.GPU, 64)]
        for cell, (costs, workers) in zip(cells[1:], spread, strict=True):
            hours = simulation.run_seconds(costs, images, megapixels, workers) / 3600
            assert float(cell.removesuffix(" h").replace(",", "")) == pytest.approx(hours, rel=0.01, abs=0.051)
