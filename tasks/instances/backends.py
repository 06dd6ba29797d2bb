"""The instance segmentation backends by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tasks.detection.detector import DetectorSource
from tasks.detection.detectron2 import find_detectron2
from tasks.instances import torchvision, ultralytics
from tasks.instances.settings import InstanceSettings
from tasks.recorded import NAME, Recorded

BACKENDS: Mapping[str, Callable[[str, InstanceSettings], DetectorSource]] = MappingProxyType({
    "torchvision": torchvision.find_segmenter,
    "detectron2": lambda text, settings: find_detectron2(text, settings.nms_overlap, masks=True),
    "ultralytics": ultralytics.find_segmenter,
    NAME: lambda label, settings: Recorded(label, settings.nms_overlap),
})  # fmt: skip
