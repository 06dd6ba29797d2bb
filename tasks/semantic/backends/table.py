"""The segmentation backends by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tasks.models.recorded import NAME, Recorded
from tasks.models.shipped import NAME as SHIPPED
from tasks.models.shipped import OWN
from tasks.semantic.backends import own, torchvision, transformers
from tasks.semantic.backends.refinenet_files import find_refinenet
from tasks.semantic.backends.shipped import find_unet
from tasks.semantic.backends.smp import find_smp
from tasks.semantic.backends.ultralytics import find_ultralytics
from tasks.semantic.segmenter import NetworkSource
from tasks.semantic.settings import SemanticSettings
from tasks.settings import FILE

BACKENDS: Mapping[str, Callable[[str, SemanticSettings], NetworkSource]] = MappingProxyType({
    "smp": find_smp,
    "refinenet": find_refinenet,
    "torchvision": torchvision.find_network,
    "transformers": transformers.find_segmenter,
    "ultralytics": find_ultralytics,
    SHIPPED: lambda text, _: find_unet(SHIPPED, text),
    OWN: lambda text, _: find_unet(OWN, text),
    FILE: lambda spec, _: own.find_segmenter(spec),
    NAME: lambda label, _: Recorded(label),
})  # fmt: skip
