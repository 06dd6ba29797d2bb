"""Fixtures shared by all tests: small seeded images, and the developers' folder of real data where it is."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no fault. A run that decides whether a change lands draws the same cases every time; others go on.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same-cases", settings.get_profile("any-machine"), derandomize=True)
settings.load_profile("same-cases" if os.environ.get("CI") else "any-machine")

# A console reads this once, when it is made, and then knows nothing of what a test sets; pytest-xdist sets it.
os.environ.pop("COLUMNS", None)

# A shell that starts tests in the background has them ignore Ctrl-C, and so would every command that they call.
signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what needs something that is not here."""
    if not (SHARED / "data").is_dir():
        absent = pytest.mark.skip(reason=f"needs real photographs and weights in {SHARED}")
        for item in items:
            if item.get_closest_marker("shared"):
                item.add_marker(absent)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The developers' folder of real photographs, weights and reference outputs."""
    return SHARED


@pytest.fixture
def image_of() -> Callable[[int, int, int], npt.NDArray[np.uint8]]:
    """Make a smooth, seeded uint8 RGB image: ``image_of(height, width, seed)``."""

    def make(height: int, width: int, seed: int = 0) -> npt.NDArray[np.uint8]:
        rng = np.random.default_rng(seed)
        rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
        phase = rng.uniform(0, 6, (3, 3))
        channels = [np.sin(9 * rows * p[0] + 7 * columns * p[1] + p[2]) for p in phase]
        image = 127.5 + 90 * np.stack(channels, axis=-1) + rng.normal(0, 8, (height, width, 3))
        return np.clip(image, 0, 255).astype(np.uint8)

    return make
