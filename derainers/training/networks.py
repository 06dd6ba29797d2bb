"""Build the networks that can be trained, each with its loss and the pixels that it takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from bench.errors import UserError
from derainers.networks.mspfn.designs import DESIGNS, Design
from derainers.networks.prenet.designs import TRAINABLE, PReNetDesign

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class TrainableDerainer:
    """A derainer's network, its loss and the pixels that it takes.

    Attributes:
        network: Maps (N, 3, H, W) in ``value_range`` to the same shape and range.
        loss: Maps restored and clean tensors (N, 3, H, W) to the scalar that is minimised.
        order: Channel order of the network's input and output.
        value_range: Values of black and white.
        metadata: Texts for the file of weights, from which the network can be built again.
        fast: Turns the trained network into one that computes the same faster; None where there is none.
    """

    network: nn.Module
    loss: Callable[[Tensor, Tensor], Tensor]
    order: Literal["rgb", "bgr"]
    value_range: tuple[float, float]
    metadata: Mapping[str, str] = field(default_factory=dict)
    fast: Callable[[nn.Module], nn.Module] | None = None


def network_of(name: str) -> TrainableDerainer:
    """Build one network by its name, with random weights from torch's global generator.

    Raises:
        UserError: No network has that name.
    """
    if name not in NETWORKS:
        raise UserError(f"unknown network {name!r}; known: {', '.join(NETWORKS)}")
    trainee = NETWORKS[name]()
    return replace(trainee, metadata={**trainee.metadata, "network": name})


def _mspfn(design: Design) -> TrainableDerainer:
    from torch import nn

    from derainers.networks.mspfn.single_scale import member_of
    from derainers.training.losses import mspfn_loss

    network = member_of(design)
    # The network subtracts what its last convolution gives: with zeros there, it starts from the rainy image.
    nn.init.zeros_(network.last.weight)
    return TrainableDerainer(network, mspfn_loss, "bgr", (-1.0, 1.0), {"design": json.dumps(asdict(design))})


def _prenet(design: PReNetDesign) -> TrainableDerainer:
    from derainers.networks.prenet.lean import LeanPReNet
    from derainers.networks.prenet.prenet import PReNet
    from derainers.training.losses import negative_ssim

    def lean(network: nn.Module) -> nn.Module:
        return LeanPReNet(network) if isinstance(network, PReNet) else network

    return TrainableDerainer(PReNet(design), negative_ssim, "rgb", (0.0, 1.0), {"stages": str(design.stages)}, lean)


NETWORKS: Mapping[str, Callable[[], TrainableDerainer]] = {
    **{name: partial(_mspfn, design) for name, design in DESIGNS.items()},
    **{name: partial(_prenet, design) for name, design in TRAINABLE.items()},
}
"""Factories by name, made from the two families' designs."""
