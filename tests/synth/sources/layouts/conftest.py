"""A photograph wherever a layout wants one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as Pillow

from tests.synth.sources.layouts.trees import SIZE, Photo

Make = Callable[[int, int, int], npt.NDArray[np.uint8]]


@pytest.fixture
def photo(tmp_path: Path, image_of: Make) -> Photo:
    """Write a photograph of 64x48 pixels, another for each name: ``photo("rgb_anon/a.png")``."""

    def write(name: str, size: tuple[int, int] = SIZE) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(image_of(*size, sum(name.encode()))).save(path)
        return path

    return write
