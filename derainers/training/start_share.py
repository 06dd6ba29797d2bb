"""Mix the weights that a training started from into its last ones."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def mix_in(network: nn.Module, first: Mapping[str, Tensor], share: float) -> None:
    """Replace the weights of one network by a mean of them and of the weights that its training started from.

    A network that learns a new rain forgets some of the rains it knew; a mean of both weights keeps most of either
    (WiSE-FT: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022, section 3). What is counted and no
    real number, such as the batches that a normalisation saw, stays.

    Args:
        network: The trained network; it has the mean afterwards.
        first: Its state before the training.
        share: Weight of ``first`` in the mean, 0 to 1.
    """
    last = network.state_dict()
    network.load_state_dict(
        {
            name: torch.lerp(value, first[name].to(value), share) if value.is_floating_point() else value
            for name, value in last.items()
        }
    )
