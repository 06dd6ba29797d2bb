"""The command line called in this process, for tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MINE = "def build(options):\n    return lambda image: 255 - image\n"
TWO_ROWS = """
derainers = ["rain", "clean"]
[tasks.quality]
[datasets.photos]
source = "folder"
root = "photos"
rain = "coco350_y"
parameters = { images = "images", masks = "masks" }
"""


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    error: str


Call = Callable[..., Done]
