"""Parameters of the instance segmentation task."""

from __future__ import annotations

from tasks.detection.settings import ObjectSettings


class InstanceSettings(ObjectSettings):
    """Parameters of the instance segmentation task.

    Attributes:
        model: ``torchvision:ARCHITECTURE`` with its published weights, ``torchvision:ARCHITECTURE@FILE``,
            ``detectron2:CONFIGURATION@FILE``, ``ultralytics:FILE``, ``ultralytics:NAME``,
            ``shipped:streets-maskrcnn`` or ``trained:FILE``; the usual ``nms_overlap`` of the last two is 0.5.
    """
