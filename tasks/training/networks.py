"""Networks that can be trained, by the name that a training's configuration and a card give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from tasks.training.loop import TrainableModel
from tasks.training.maskrcnn import maskrcnn
from tasks.training.unet import unet
from tasks.training.yolo import yolo

NETWORKS: Mapping[str, Callable[[Sequence[str]], TrainableModel]] = MappingProxyType({
    "maskrcnn": maskrcnn,
    "unet": unet,
    "yolo": yolo,
})  # fmt: skip
"""Factories: from the names of the classes, in the order of the outputs, to a network with its first weights."""
