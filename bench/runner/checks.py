"""Validate what derainers and task models return: type, shape, dtype, finite values."""

from __future__ import annotations

import numpy as np

from bench.contract import Detections, Sample
from bench.errors import ImageError
from bench.io.restored import fault_of_restored


def check_restored(name: str, sample: Sample, image: object) -> None:
    """Refuse anything but a uint8 RGB image of the sample's size.

    Raises:
        ImageError: Naming what came instead, and what to return.
    """
    if fault := fault_of_restored(image, sample.truth.size):
        verb = "changed" if isinstance(image, np.ndarray) else "returned no image for"
        raise ImageError(f"{name} {verb} {sample.id}: {fault}")


def check_evidence(name: str, sample: Sample, evidence: object) -> None:
    """Refuse what no task can score: label maps of another size, boxes or scores that are no numbers.

    Args:
        name: Task, for the message.
        sample: The image that was looked at.
        evidence: What the task's model returned; right is one of :data:`bench.contract.Evidence`.

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
