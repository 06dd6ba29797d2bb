"""The detection backends by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tasks.detection.backends import darknet, shipped, torchvision, ultralytics
from tasks.detection.backends.detectron2 import find_detectron2
from tasks.detection.detector import DetectorSource
from tasks.detection.settings import DetectionSettings
from tasks.models.recorded import NAME, Recorded
from tasks.models.shipped import NAME as SHIPPED
from tasks.models.shipped import OWN

BACKENDS: Mapping[str, Callable[[str, DetectionSettings], DetectorSource]] = MappingProxyType({
    "ultralytics": ultralytics.find_detector,
    "darknet": darknet.find_detector,
    "torchvision": torchvision.find_detector,
    "detectron2": lambda text, settings: find_detectron2(text, settings.nms_overlap, masks=False),
    SHIPPED: lambda text, settings: shipped.find_detector(SHIPPED, text, settings),
    OWN: lambda text, settings: shipped.find_detector(OWN, text, settings),
    NAME: lambda label, settings: Recorded(label, settings.nms_overlap),
})  # fmt: skip
