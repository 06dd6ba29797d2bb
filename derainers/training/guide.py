"""Guide a training by a frozen model's features: what a task sees in the restored crop and in the clean one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from bench.errors import UserError
from derainers.training.networks import TrainableDerainer

MEASURED_BATCHES = 8
"""Batches on which the weight of the second term is found: one batch may hold little rain."""


class Guide:
    """The second term of a loss: how far a frozen model's features of restored crops are from those of clean ones.

    Its weight is found once in a training, before the first step that it guides, and kept in the checkpoints.

    Args:
        features: Maps RGB in [0, 1], (N, 3, H, W), to features of several levels. It is frozen here.
        share: The term as a share of the pixel term when it comes in; 0 leaves the training as it is without a guide.
        after: Steps before the first that is guided.

    Attributes:
        weight: Factor of the term; None until it is found.
    """

    def __init__(self, features: nn.Module, share: float, after: int = 0) -> None:
        self.features = features.eval().requires_grad_(False)
        self.share, self.after = share, after
        self.weight: float | None = None if share else 0.0

    def guides(self, step: int) -> bool:
        """Tell whether the term is part of the loss of one step, counted from 0."""
        return self.share > 0 and step >= self.after

    def distance(self, restored: Tensor, clean: Tensor, trainee: TrainableDerainer) -> Tensor:
        """Compute the mean absolute difference of the features of two batches, over levels of equal weight.

        Gradients pass to ``restored`` alone.

        Args:
            restored: Output of the derainer's network (N, 3, H, W).
            clean: Clean crops of the same shape, order and range.
            trainee: Names order and range.
        """
        with torch.no_grad():
            wanted = self.features(as_rgb(clean, trainee))
        found = self.features(as_rgb(restored, trainee))
        levels = [(one.float() - other.float()).abs().mean() for one, other in zip(found, wanted, strict=True)]
        return torch.stack(levels).mean()

    def weigh(self, pixel: float, distance: float) -> float:
        """Set, and return, the weight at which the term is its share of the pixel term.

        Args:
            pixel: Mean pixel loss above that of a perfect restoration.
            distance: Mean distance of the features of the same crops.

        Raises:
            UserError: The model sees no difference, or one of the two is no number.
        """
        weight = self.share * pixel / distance if distance > 0 else 0.0
        if not 0 < weight < float("inf"):
            raise UserError(
                f"guide: cannot be weighed: the pixel term is {pixel:g} and the distance of the features {distance:g} "
                "in the first guided batches; expected two positive numbers. Are there rainy crops, and did the loss "
                "stay finite?"
            )
        self.weight = weight
        return weight

    def state_dict(self) -> dict[str, object]:
        """Give what a checkpoint holds: the weight, once it is found."""
        return {} if self.weight is None else {"weight": self.weight}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Take over what a checkpoint holds.

        Raises:
            ValueError: It is no weight.
        """
        weight = state.get("weight", self.weight)
        if not (weight is None or isinstance(weight, float)):
            raise ValueError(f"guide: weight: expected a number, got {weight!r}")
        self.weight = weight


def as_rgb(crops: Tensor, trainee: TrainableDerainer) -> Tensor:
    """Turn a network's crops (N, 3, H, W) into RGB in [0, 1]; what lies outside stays there, so gradients pass."""
    black, white = trainee.value_range
    pixels = (crops - black) / (white - black)
    return pixels.flip(1) if trainee.order == "bgr" else pixels


def excess(restored: Tensor, clean: Tensor, trainee: TrainableDerainer) -> Tensor:
    """Compute the pixel loss above that of the clean crops themselves, which some losses set at -1."""
    return trainee.loss(restored, clean) - trainee.loss(clean, clean)
