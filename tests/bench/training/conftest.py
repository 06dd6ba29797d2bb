"""Small photographs to train on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.io.images import write_png


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder of three photographs of 40x48, of coarse squares."""
    random = np.random.default_rng(4)
    for number in range(3):
        small = random.integers(0, 256, (5, 6, 3)).astype(np.uint8)
        write_png(tmp_path / f"photographs/{number}.png", small.repeat(8, 0).repeat(8, 1))
    return tmp_path / "photographs"
