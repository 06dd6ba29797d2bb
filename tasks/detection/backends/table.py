"""The detection backends by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tasks.detection.backends import darknet, own, shipped, torchvision, transformers, ultralytics
from tasks.detection.backends.detectron2 import find_detectron2
from tasks.detection.detector import DetectorSource
from tasks.detection.settings import DetectionSettings
from tasks.models.recorded import NAME, Recorded
from tasks.models.shipped import NAME as SHIPPED
from tasks.models.shipped import OWN
from tasks.settings import FILE

BACKENDS: Mapping[str, Callable[[str, DetectionSettings], DetectorSource]] = MappingProxyType({
    "ultralytics": ultralytics.find_detector,
    "darknet": darknet.find_detector,
    "torchvision": torchvision.find_detector,
    "transformers": transformers.find_detector,
    "detectron2": lambda text, settings: find_detectron2(text, settings.nms_overlap, masks=False),
    SHIPPED: lambda text, settings: shipped.find_detector(SHIPPED, text, settings),
    OWN: lambda text, settings: shipped.find_detector(OWN, text, settings),
    FILE: lambda spec, _: own.find_detector(spec, masked=False),
    NAME: lambda label, settings: Recorded(label, settings.nms_overlap),
})  # fmt: skip
