"""The detection backends by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tasks.detection import darknet, torchvision, ultralytics
from tasks.detection.detector import DetectorSource
from tasks.detection.settings import DetectionSettings

BACKENDS: Mapping[str, Callable[[str, DetectionSettings], DetectorSource]] = MappingProxyType({
    "ultralytics": ultralytics.find_detector,
    "darknet": darknet.find_detector,
    "torchvision": torchvision.find_detector,
})  # fmt: skip
