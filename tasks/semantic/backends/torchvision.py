"""Load torchvision's segmentation networks: FCN, DeepLabV3 and LR-ASPP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.contract import ClassSpace, Options
from bench.devices import torch_for
from bench.errors import UserError, missing_extra
from bench.io.checkpoints import find_state
from tasks.classes import known_spaces
from tasks.models.torchvision import TorchvisionCheckpoint, find_torchvision, load_counted, torchvision_state
from tasks.semantic.segmenter import IMAGENET, LoadedNetwork, Normalisation
from tasks.semantic.settings import SemanticSettings

_CLASSIFIERS = ("classifier.4.bias", "classifier.low_classifier.bias")


@dataclass(frozen=True)
class MainScores:
    """A network reduced to its main class scores.

    Attributes:
        network: One of ``torchvision.models.segmentation``, in evaluation mode.
    """

    network: Any

    def __call__(self, images: Any) -> Any:  # noqa: ANN401  tensors; torch is imported late
        """Map (B, 3, H, W) to (B, K, H, W)."""
        return self.network(images)["out"]


@dataclass(frozen=True)
class TorchvisionNetwork:
    """A segmentation network before it is loaded.

    Attributes:
        checkpoint: Architecture and weights.
        normalisation: ImageNet's.
    """

    checkpoint: TorchvisionCheckpoint
    normalisation: Normalisation = IMAGENET

    @property
    def label(self) -> str:
        """Short name for tables."""
        return self.checkpoint.label

    @property
    def digest(self) -> str:
        """Architecture and digest of the weights."""
        return f"{self.checkpoint.model.name}:{self.checkpoint.digest}"

    @property
    def space(self) -> ClassSpace | None:
        """VOC's classes for published weights."""
        return known_spaces()["voc"] if self.checkpoint.published else None

    def load(self, options: Options) -> LoadedNetwork:
        """Build the network and load its weights; the auxiliary classifier, used in training only, is left out.

        Raises:
            MissingExtraError: torchvision is not installed.
            UserError: The weights cannot be had, or belong to another network.
        """
        torch_for(options, "semantic segmentation by torchvision")
        try:
            from torchvision.models import get_model
        except ImportError as error:
            raise missing_extra(error, "torchvision", "torch", "semantic segmentation by torchvision") from error
        found = find_state(torchvision_state(self.checkpoint, options), _CLASSIFIERS) or {}
        state = {name: value for name, value in found.items() if not name.startswith("aux_classifier.")}
        outputs = _outputs_of(state, self.label)
        network = get_model(
            self.checkpoint.model.name, weights=None, weights_backbone=None, num_classes=outputs, aux_loss=False
        )
        load_counted(network, state, self.label)
        return LoadedNetwork(MainScores(network.eval().to(options.device)), outputs)


def find_network(text: str, settings: SemanticSettings) -> TorchvisionNetwork:
    """Find the network of ``ARCHITECTURE`` or ``ARCHITECTURE@FILE``.

    Raises:
        UserError: No such architecture or file.
    """
    return TorchvisionNetwork(find_torchvision(text, finds=("labels",), task="semantic"))


def _outputs_of(state: dict[str, object], label: str) -> int:
    import torch

    for name in _CLASSIFIERS:
        if isinstance(bias := state.get(name), torch.Tensor):
            return len(bias)
    raise UserError(f"{label}: holds no classifier of pixels, so it is no state dict of this network")
