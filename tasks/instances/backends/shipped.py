"""Run the small Mask R-CNN as a backend: ``shipped:NAME``, and ``trained:FILE`` for the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.contract import ClassSpace, Options
from bench.devices import torch_for
from tasks.detection.backends.torchvision import NMS_OVERLAP
from tasks.instances.backends.maskrcnn import build_maskrcnn
from tasks.instances.backends.torchvision import TorchvisionSegmenter
from tasks.instances.settings import InstanceSettings
from tasks.models.shipped import TrainedModel, find_model


@dataclass(frozen=True)
class MaskRcnnSource:
    """A Mask R-CNN before it is loaded.

    Attributes:
        model: Card and weights.
        nms_overlap: Boxes of one class that overlap a better one by more are dropped.
    """

    model: TrainedModel
    nms_overlap: float

    @property
    def label(self) -> str:
        """Short name for tables."""
        return self.model.label

    @property
    def facts(self) -> Mapping[str, object]:
        """Network, weights and suppression."""
        return {**self.model.facts, "nms_overlap": self.nms_overlap}

    @property
    def space(self) -> ClassSpace:
        """Classes of the model, as its card names them, after the background."""
        names = self.model.card.classes
        return ClassSpace(self.label, tuple(range(1, len(names) + 1)), names)

    def load(self, options: Options, dataset: ClassSpace) -> TorchvisionSegmenter:
        """Build the network and load its weights.

        Raises:
            MissingExtraError: A library is not installed.
            UserError: The card or the weights are damaged.
        """
        torch_for(options, f"the instance segmenter {self.label}")
        network = build_maskrcnn(len(self.space.ids))
        self.model.load_into(network)
        network.roi_heads.nms_thresh = self.nms_overlap
        return TorchvisionSegmenter(network.to(options.device), self.space, options.device)


def find_maskrcnn(backend: str, text: str, settings: InstanceSettings) -> MaskRcnnSource:
    """Find the Mask R-CNN that the user named behind ``shipped:`` or ``trained:``.

    Raises:
        UserError: The model is absent, or no instance segmenter.
    """
    model = find_model(backend, text, "instances", "maskrcnn")
    return MaskRcnnSource(model, settings.nms_overlap or NMS_OVERLAP)
