"""Cut the backbone out of a frozen network: images to features at a quarter, eighth and sixteenth of their size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import cast

import torch
from torch import Tensor, nn

from bench.errors import UserError
from tasks.semantic.segmenter import Normalisation

STRIDES = (4, 8, 16)
"""Sizes of an image over those of its features; those of C2, C3 and C4 of a ResNet."""
_TRIAL_SIDE = 64


class Chain(nn.Module):
    """Layers of which each takes what the last one gave.

    Args:
        layers: Layers in their order.
    """

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map (N, 3, H, W) to what every layer gives."""
        found = []
        for layer in self.layers:
            x = layer(x)
            found.append(x)
        return found


class Backbone(nn.Module):
    """A frozen backbone that normalises its images by itself.

    Args:
        trunk: Maps normalised RGB (N, 3, H, W) to features, finer ones first; of a chain the coarser end is cut off.
        normalisation: That of the model.
        label: Name of the model, for messages.

    Raises:
        UserError: The trunk has no features of the sizes that are asked for.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, trunk: nn.Module, normalisation: Normalisation, label: str) -> None:
        super().__init__()
        self.trunk = trunk.float().eval().requires_grad_(False)
        for name, values in (("mean", normalisation.mean), ("deviation", normalisation.deviation)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1))
        with torch.no_grad():
            tried = self.trunk(torch.zeros(1, 3, _TRIAL_SIDE, _TRIAL_SIDE))
        self.places = last_of_each_stride([_TRIAL_SIDE // feature.shape[-1] for feature in tried])
        if not self.places:
            raise UserError(f"guide {label}: its backbone has no features at a quarter to a sixteenth of the image")
        if isinstance(trunk, Chain):
            trunk.layers = trunk.layers[: self.places[-1] + 1]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map RGB in [0, 1], (N, 3, H, W), to features, finer ones first."""
        features = cast(Sequence[Tensor], self.trunk((images - self.mean) / self.deviation))
        return [features[place] for place in self.places]

    def train(self, mode: bool = True) -> Backbone:
        """Stay in evaluation mode: the model is frozen."""
        return super().train(False)


def last_of_each_stride(strides: Sequence[int]) -> tuple[int, ...]:
    """Find the last place of every stride that counts, before the first that is too coarse."""
    places = {stride: place for place, stride in enumerate(takewhile(lambda stride: stride <= STRIDES[-1], strides))}
    return tuple(places[stride] for stride in STRIDES if stride in places)
