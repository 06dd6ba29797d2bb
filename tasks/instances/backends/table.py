"""The instance segmentation backends by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tasks.detection.backends import own
from tasks.detection.backends.detectron2 import find_detectron2
from tasks.detection.detector import DetectorSource
from tasks.instances.backends import shipped, torchvision, transformers, ultralytics
from tasks.instances.settings import InstanceSettings
from tasks.models.recorded import NAME, Recorded
from tasks.models.shipped import NAME as SHIPPED
from tasks.models.shipped import OWN
from tasks.settings import FILE

BACKENDS: Mapping[str, Callable[[str, InstanceSettings], DetectorSource]] = MappingProxyType({
    "torchvision": torchvision.find_segmenter,
    "transformers": transformers.find_segmenter,
    "detectron2": lambda text, settings: find_detectron2(text, settings.nms_overlap, masks=True),
    "ultralytics": ultralytics.find_segmenter,
    SHIPPED: lambda text, settings: shipped.find_maskrcnn(SHIPPED, text, settings),
    OWN: lambda text, settings: shipped.find_maskrcnn(OWN, text, settings),
    FILE: lambda spec, _: own.find_detector(spec, masked=True),
    NAME: lambda label, settings: Recorded(label, settings.nms_overlap),
})  # fmt: skip
