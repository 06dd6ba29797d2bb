"""Draw random pictures, boxes and label maps on which code is timed: as much of each as real data has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter

from bench.contract import Detections, Image, Instances, LabelMap

_STRIPE = 16
"""Width of the stripes of a label map in pixels."""


def draw_picture(height: int, width: int, seed: int) -> Image:
    """Draw an (H, W, 3) uint8 picture of smooth colours with grain.

    JPEG and PNG have about as much to do with it as with a photograph.
    """
    noise = np.random.default_rng(seed)
    smooth = gaussian_filter(noise.standard_normal((height, width, 3)), (8, 8, 0)) * 1500
    image: Image = np.clip(128 + smooth + noise.normal(0, 4, (height, width, 3)), 0, 255).astype(np.uint8)
    return image


def draw_objects(
    rng: np.random.Generator, class_ids: Sequence[int], objects: int, detections: int
) -> tuple[Instances, Detections]:
    """Draw true objects of one image and detections: every other one near a true object of its class.

    Scores fall off as those of real detectors do.

    Args:
        rng: Source of randomness.
        class_ids: Classes to draw from.
        objects: Number of true objects.
        detections: Number of detections.
    """
    corner, side = rng.uniform(0, 400, (objects, 2)), rng.uniform(10, 120, (objects, 2))
    boxes, classes = np.concatenate([corner, corner + side], axis=1), rng.choice(class_ids, objects)
    truth = Instances(boxes, classes, np.zeros(objects, dtype=np.bool_), side.prod(axis=1))
    near, right = rng.integers(0, objects, detections), np.arange(detections) % 2 == 1
    moved = boxes[near] + rng.normal(0, np.where(right, 4, 60)[:, None], (detections, 4))
    moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 1)
    seen = np.where(right, classes[near], rng.choice(class_ids, detections))
    return truth, Detections(moved, np.sort(rng.beta(0.3, 3, detections))[::-1].copy(), seen)


def draw_label_maps(rng: np.random.Generator, classes: int, height: int, width: int) -> tuple[LabelMap, LabelMap]:
    """Draw a predicted and a true (H, W) uint8 label map in stripes; about nine tenths of their pixels agree.

    Args:
        rng: Source of randomness.
        classes: Number of classes; ids are 0 to ``classes`` - 1.
        height: Height in pixels.
        width: Width in pixels, a multiple of 16.
    """
    true: LabelMap = np.repeat(rng.integers(0, classes, (height, width // _STRIPE), dtype=np.uint8), _STRIPE, axis=1)
    return np.where(rng.random(true.shape) < 0.9, true, 0).astype(np.uint8), true
