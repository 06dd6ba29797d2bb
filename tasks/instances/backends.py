"""The instance segmentation backends by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tasks.detection.detector import DetectorSource
from tasks.instances import torchvision, ultralytics
from tasks.instances.settings import InstanceSettings

BACKENDS: Mapping[str, Callable[[str, InstanceSettings], DetectorSource]] = MappingProxyType({
    "torchvision": torchvision.find_segmenter,
    "ultralytics": ultralytics.find_segmenter,
})  # fmt: skip
