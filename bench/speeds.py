"""How fast derainers are, and what ``derainbench derain`` adds to them. Knows the rooms, like :mod:`bench.api`."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image as Pillow
from scipy.ndimage import gaussian_filter

from bench.contract import Image
from bench.folders import derain_files, plan_derain
from bench.work import Outcome
from derainers.speed import Comparison, compare, in_turns, untrained_prenet


def derainer_speeds(height: int = 160, width: int = 240, images: int = 4, repeats: int = 5) -> pd.DataFrame:
    """Exact shortcuts against the plain networks, and ``derain`` against the model alone; one row a comparison.

    The last row's ratio is the share of the pure model's throughput that is left when JPEG files are decoded and
    PNG files written.
    """
    rows = [*compare(height, width, repeats), _folder_speed(height, width, images, repeats)]
    return pd.DataFrame([asdict(row) for row in rows])


def _folder_speed(height: int, width: int, images: int, repeats: int) -> Comparison:
    derainer = untrained_prenet()
    pictures = [picture(height, width, number) for number in range(images)]
    with tempfile.TemporaryDirectory() as folder:
        rainy = Path(folder) / "rainy"
        rainy.mkdir()
        for number, image in enumerate(pictures):
            Pillow.fromarray(image).save(rainy / f"{number}.jpg", quality=95)
        pairs = plan_derain(rainy, Path(folder) / "restored")
        whole = partial(derain_files, "prenet", derainer, pairs, _ignore)
        seconds = in_turns(whole, lambda: [derainer(image) for image in pictures], repeats)
    return Comparison(f"derain, {images} files / prenet alone", height, width, *seconds)


def picture(height: int, width: int, seed: int) -> Image:
    """Smooth colours with grain, so that JPEG and PNG have about as much to do as with a photograph."""
    noise = np.random.default_rng(seed)
    smooth = gaussian_filter(noise.standard_normal((height, width, 3)), (8, 8, 0)) * 1500
    image: Image = np.clip(128 + smooth + noise.normal(0, 4, (height, width, 3)), 0, 255).astype(np.uint8)
    return image


def _ignore(outcome: Outcome) -> None:
    """Nobody watches."""
