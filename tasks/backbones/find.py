"""Find the backbone of a task's model by the name that a suite gives the model: ``BACKEND:CHECKPOINT``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bench.contract import Options
from bench.devices import torch_for
from bench.errors import UserError, did_you_mean
from tasks.detection.backends.shipped import YoloSource
from tasks.detection.backends.ultralytics import SUFFIXES, check_trust, import_yolo
from tasks.instances.backends.shipped import MaskRcnnSource
from tasks.models.checkpoints import find_checkpoint
from tasks.models.shipped import NAME, OWN, TrainedModel, find_model, read_card, shipped_models
from tasks.models.torchvision import build_torchvision, find_torchvision
from tasks.semantic.backends.refinenet_files import find_refinenet
from tasks.semantic.backends.shipped import UnetSource
from tasks.semantic.backends.smp import find_smp
from tasks.semantic.backends.torchvision import find_network
from tasks.semantic.segmenter import IMAGENET, NO_NORMALISATION, Normalisation
from tasks.semantic.settings import SemanticSettings

if TYPE_CHECKING:
    from torch import nn

    from tasks.backbones.network import Backbone

_NMS = 0.5  # of detectors, whose boxes nobody asks for here
_TASK_NETWORKS = {"detection": "yolo", "instances": "maskrcnn", "semantic": "unet"}


@dataclass(frozen=True)
class BackboneSource:
    """The backbone of one task model before it is loaded.

    Attributes:
        label: Short name of the model.
        digest: Digest of the model's weights.
        normalisation: Of RGB values in [0, 1], as the model takes them.
        trunk: Loads the model, and gives what turns images into features; see
            :class:`tasks.backbones.network.Backbone`.
    """

    label: str
    digest: str
    normalisation: Normalisation
    trunk: Callable[[Options], nn.Module]

    def load(self, options: Options) -> Backbone:
        """Load the model and keep its backbone, frozen, on the CPU.

        Raises:
            MissingExtraError: A library is not installed.
            UserError: The weights cannot be had, or belong to another network.
        """
        torch_for(options, f"the guide {self.label}")
        from tasks.backbones.network import Backbone

        return Backbone(self.trunk(options), self.normalisation, self.label)


def find_backbone(model: str) -> BackboneSource:
    """Find the backbone of one model; nothing is loaded.

    Args:
        model: ``BACKEND:CHECKPOINT``, as a task takes it.

    Raises:
        UserError: No such model, or one without a backbone in PyTorch that gradients can pass.
    """
    backend, _, checkpoint = model.partition(":")
    if backend not in _FINDERS or not checkpoint:
        forms = ", ".join(f"{name}:CHECKPOINT" for name in _FINDERS)
        raise UserError(f"guide {model!r}: expected a model whose gradients PyTorch computes: {forms}")
    return _FINDERS[backend](checkpoint)


def digest_of_guide(model: str) -> str:
    """Give the digest of a model's weights by which a guide is known; empty for what cannot guide.

    Args:
        model: As a task takes it.
    """
    backend = model.partition(":")[0]
    return find_backbone(model).digest if backend in _FINDERS and not _is_export(model) else ""


def _is_export(model: str) -> bool:
    return model.startswith("ultralytics:") and Path(model).suffix in set(SUFFIXES) - {".pt"}


def _smp(text: str) -> BackboneSource:
    source = find_smp(text, SemanticSettings(model=f"smp:{text}"))

    def trunk(options: Options) -> nn.Module:
        encoder: nn.Module = source.load(options).network.encoder
        return encoder

    return BackboneSource(source.label, source.digest, source.normalisation, trunk)


def _refinenet(text: str) -> BackboneSource:
    source = find_refinenet(text, SemanticSettings(model=f"refinenet:{text}"))

    def trunk(options: Options) -> nn.Module:
        from torch import nn

        network = source.load(options).network
        stem = nn.Sequential(network.conv1, network.bn1, nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        return _chain([stem, network.layer1, network.layer2, network.layer3])

    return BackboneSource(source.label, source.digest, source.normalisation, trunk)


def _torchvision(text: str) -> BackboneSource:
    checkpoint = find_torchvision(text, ("boxes", "masks", "labels"), "guide")

    def trunk(options: Options) -> nn.Module:
        if checkpoint.model.finds == "labels":
            segmenter = find_network(text, SemanticSettings(model=f"torchvision:{text}")).load(options).network
            return _chain(segmenter.network.backbone.children())
        detector, _ = build_torchvision(checkpoint, options)
        return _chain(detector.backbone.body.children())

    return BackboneSource(checkpoint.label, checkpoint.digest, IMAGENET, trunk)


def _ultralytics(text: str) -> BackboneSource:
    if _is_export(f"ultralytics:{text}"):
        raise UserError(f"guide ultralytics:{text}: no gradients pass an exported file; give the .pt file it came from")
    checkpoint = find_checkpoint(text, (".pt",), "guide")

    def trunk(options: Options) -> nn.Module:
        path = checkpoint.locate(options)
        check_trust(path, checkpoint, trust=False)
        layers = import_yolo()(str(path), verbose=False).model.model
        return _chain(takewhile(lambda layer: layer.f == -1, layers))  # up to the first that joins two others

    return BackboneSource(checkpoint.label, checkpoint.digest, NO_NORMALISATION, trunk)


def _shipped(name: str) -> BackboneSource:
    found = {task: shipped_models(task) for task in _TASK_NETWORKS}
    for task, models in found.items():
        if name in models:
            return _trained(find_model(NAME, name, task, _TASK_NETWORKS[task]))
    known = [known for models in found.values() for known in models]
    raise UserError(f"guide shipped:{name}: no such model. {did_you_mean(name, known)}")


def _own(text: str) -> BackboneSource:
    task = read_card(Path(text).with_suffix(".json")).task
    return _trained(find_model(OWN, text, task, _TASK_NETWORKS[task]))


def _trained(model: TrainedModel) -> BackboneSource:
    """Find the backbone of a small task model by the task of its card."""

    def trunk(options: Options) -> nn.Module:
        if model.card.task == "detection":
            source = YoloSource(model, _NMS)
            return _chain(source.load(options, source.space).network.model[:9])
        if model.card.task == "instances":
            of_objects = MaskRcnnSource(model, _NMS)
            encoder: nn.Module = of_objects.load(options, of_objects.space).network.backbone.encoder
            return encoder
        segmenter: nn.Module = UnetSource(model).load(options).network.encoder
        return segmenter

    normalisation = NO_NORMALISATION if model.card.task == "detection" else IMAGENET
    return BackboneSource(model.label, model.card.sha256, normalisation, trunk)


def _chain(layers: Any) -> nn.Module:  # noqa: ANN401  an iterable of modules; most libraries have no types
    from tasks.backbones.network import Chain

    return Chain(layers)


_FINDERS: Mapping[str, Callable[[str], BackboneSource]] = MappingProxyType({
    "smp": _smp,
    "torchvision": _torchvision,
    "refinenet": _refinenet,
    "ultralytics": _ultralytics,
    NAME: _shipped,
    OWN: _own,
})  # fmt: skip
