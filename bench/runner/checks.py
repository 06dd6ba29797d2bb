"""Validate what derainers and task models return: type, shape, dtype, finite values."""

from __future__ import annotations

import numpy as np

from bench.contract import Detections, Sample
from bench.errors import ImageError


def check_restored(name: str, sample: Sample, image: object) -> None:
    """Refuse anything but a uint8 RGB image of the sample's size.

    Raises:
        ImageError: Naming what came instead.
    """
    wanted = (*sample.truth.size, 3)
    if not isinstance(image, np.ndarray):
        raise ImageError(
            f"{name} returned {type(image).__name__} for {sample.id}, expected a NumPy array {wanted} uint8"
        )
    if image.shape != wanted or image.dtype != np.uint8:
        raise ImageError(
            f"{name} changed {sample.id}: expected {wanted} uint8, got {image.shape} {image.dtype}. "
            "Crop padding and convert to uint8 inside the derainer"
        )


def check_evidence(name: str, sample: Sample, evidence: object) -> None:
    """Refuse what no task can score: label maps of another size, boxes or scores that are no numbers.

    Args:
        name: Of the task, for the message.
        sample: What was looked at.
        evidence: Of one of the three kinds of :data:`bench.contract.Evidence`.

    Raises:
        ImageError: Naming what came instead.
    """
    if isinstance(evidence, np.ndarray):
        if evidence.shape != sample.truth.size or evidence.dtype != np.uint8:
            wanted = f"a label map {sample.truth.size} uint8"
            raise ImageError(f"{name}: expected {wanted} for {sample.id}, got {evidence.shape} {evidence.dtype}")
    elif isinstance(evidence, Detections):
        _check_detections(name, sample.id, evidence)
    elif not isinstance(evidence, dict):
        wanted = "detections, a label map or qualities"
        raise ImageError(f"{name}: expected {wanted} for {sample.id}, got {type(evidence).__name__}")


def _check_detections(name: str, id: str, found: Detections) -> None:
    count = len(found.boxes)
    shapes = (found.boxes.shape, found.scores.shape, found.class_ids.shape)
    masks = "no" if found.masks is None else len(found.masks)
    if shapes != ((count, 4), (count,), (count,)) or masks not in ("no", count):
        raise ImageError(
            f"{name}: expected boxes (N, 4), N scores, N class ids and N or no masks for {id}, "
            f"got {shapes[0]}, {shapes[1]}, {shapes[2]} and {masks} masks"
        )
    if not (np.isfinite(found.boxes).all() and np.isfinite(found.scores).all()):
        raise ImageError(f"{name}: a box or a score of {id} is NaN or infinite")
