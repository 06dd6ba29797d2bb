"""Run ultralytics' instance segmenters (``-seg``)."""

from __future__ import annotations

from tasks.detection.backends.ultralytics import NMS_OVERLAP, SUFFIXES, UltralyticsSource, checked_file
from tasks.instances.settings import InstanceSettings
from tasks.models.checkpoints import find_checkpoint


def find_segmenter(text: str, settings: InstanceSettings) -> UltralyticsSource:
    """Find the instance segmenter of a file or of a published name.

    Raises:
        UserError: Neither of them.
    """
    return UltralyticsSource(
        checkpoint=checked_file(find_checkpoint(text, SUFFIXES, "instances"), settings.trust_checkpoint, "segment"),
        image_size=settings.image_size,
        nms_overlap=settings.nms_overlap or NMS_OVERLAP,
        trust=settings.trust_checkpoint,
        task="segment",
    )
