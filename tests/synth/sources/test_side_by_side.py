from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from bench.contract import Image
from bench.io.images import list_images, read_image
from synth.sources.side_by_side import clean_half


def scene(seed: int) -> Image:
    """A smooth picture of random patches."""
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 8, 3)).astype(np.uint8)
    return np.asarray(Pillow.fromarray(coarse).resize((80, 60), Pillow.Resampling.BICUBIC))


def rainy(image: Image) -> Image:
    noise = np.random.default_rng(0).integers(0, 80, image.shape)
    return np.minimum(image.astype(int) + noise, 255).astype(np.uint8)


def save(folder: Path, images: list[Image]) -> list[Path]:
    for number, image in enumerate(images):
        Pillow.fromarray(image).save(folder / f"{number}.png")
    return list(list_images(folder).values())


def test_pairs_in_one_file_are_told_from_photographs(tmp_path: Path) -> None:
    scenes = [scene(seed) for seed in range(6)]
    left = save(tmp_path, [np.hstack([image, rainy(image)]) for image in scenes])
    assert clean_half(left) == "left half"
    right = save(tmp_path, [np.hstack([rainy(image), image]) for image in scenes])
    assert clean_half(right) == "right half"
    assert clean_half(save(tmp_path, [np.hstack([scene(seed), scene(seed + 50)]) for seed in range(6)])) == ""
    assert clean_half(save(tmp_path, [image[:, :79] for image in scenes])) == ""
    assert clean_half([]) == ""
    (tmp_path / "0.png").write_bytes(b"")
    assert clean_half([tmp_path / "0.png"]) == ""


@pytest.mark.shared
def test_real_photographs_are_no_pairs_and_real_pairs_are(shared: Path, tmp_path: Path) -> None:
    for folder in ("coco/val2017", "camvid/val", "bsds/train", "rain100h/rainy", "rain100h/clean"):
        paths = list(list_images(shared / "data" / folder).values())[:80]
        assert all(clean_half(paths[start : start + 8]) == "" for start in range(0, len(paths), 8))
    root = shared / "data/rain100h"
    pairs = [(read_image(root / f"rainy/{id}.png"), read_image(root / f"clean/{id}.png")) for id in range(1, 9)]
    assert clean_half(save(tmp_path, [np.hstack(pair) for pair in pairs])) == "right half"
