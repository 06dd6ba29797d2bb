"""The detection backends by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.contract import ClassSpace, Options
from tasks.classes import known_spaces, space_of_outputs
from tasks.detection.detector import Detector
from tasks.detection.settings import DetectionSettings
from tasks.detection.ultralytics import load_detector, peek_names
from tasks.models import Checkpoint

BACKENDS: Mapping[str, Callable[[Checkpoint, Options, DetectionSettings], Detector]] = {"ultralytics": load_detector}

_SPACES_OF_PUBLISHED = {"coco": "coco80"}


def space_before_loading(checkpoint: Checkpoint) -> ClassSpace | None:
    """A model's classes, if its file or the table of weights says them without the model being loaded."""
    if checkpoint.published is not None:
        return known_spaces().get(_SPACES_OF_PUBLISHED.get(checkpoint.published.trained_on, ""))
    names = peek_names(checkpoint.file) if checkpoint.file is not None else None
    return None if names is None else space_of_outputs(checkpoint.label, list(names.values()))
