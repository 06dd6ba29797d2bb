"""Run the small U-Net as a segmentation backend: ``shipped:NAME``, and ``trained:FILE`` for the user's own."""

from __future__ import annotations

from dataclasses import dataclass

from bench.contract import ClassSpace, Options
from bench.devices import torch_for
from tasks.classes import space_of_outputs
from tasks.models.shipped import TrainedModel, find_model
from tasks.semantic.backends.unet import build_unet
from tasks.semantic.segmenter import IMAGENET, LoadedNetwork, Normalisation


@dataclass(frozen=True)
class UnetSource:
    """A U-Net before it is loaded.

    Attributes:
        model: Card and weights.
        normalisation: ImageNet's, with which it was trained.
    """

    model: TrainedModel
    normalisation: Normalisation = IMAGENET

    @property
    def label(self) -> str:
        """Short name for tables."""
        return self.model.label

    @property
    def digest(self) -> str:
        """Network and digest of the weights."""
        return f"{self.model.card.network}:{self.model.card.sha256}"

    @property
    def space(self) -> ClassSpace:
        """Classes of the model, as its card names them."""
        return space_of_outputs(self.label, self.model.card.classes)

    def load(self, options: Options) -> LoadedNetwork:
        """Build the network and load its weights.

        Raises:
            MissingExtraError: A library is not installed.
            UserError: The card or the weights are damaged.
        """
        torch = torch_for(options, f"the segmenter {self.label}")
        network = build_unet(len(self.space.ids))
        self.model.load_into(network)
        network.to(options.device).to(memory_format=torch.channels_last)
        return LoadedNetwork(network, len(self.space.ids))


def find_unet(backend: str, text: str) -> UnetSource:
    """Find the U-Net that the user named behind ``shipped:`` or ``trained:``.

    Raises:
        UserError: The model is absent, or no segmenter.
    """
    model = find_model(backend, text, "semantic", "unet")
    return UnetSource(model)
