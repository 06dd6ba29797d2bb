"""Parameters of the instance segmentation task."""

from __future__ import annotations

from tasks.detection.settings import ObjectSettings


class InstanceSettings(ObjectSettings):
    """Parameters of the instance segmentation task.

    Attributes:
        model: ``torchvision:ARCHITECTURE`` with its published weights, ``torchvision:ARCHITECTURE@FILE``,
            ``detectron2:CONFIGURATION@FILE``, ``ultralytics:FILE``, ``ultralytics:NAME``,
            ``transformers:FOLDER``, ``transformers:OWNER/NAME@COMMIT``, ``shipped:streets-maskrcnn``, ``trained:FILE``
            (the usual ``nms_overlap`` of the last two is 0.5), or your own, ``path/to/mine.py:build``.
    """
