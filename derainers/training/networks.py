"""Which networks can be trained, and what each of them is trained with."""

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
class Trainee:
    """A network before its training.

    Attributes:
        network: Maps (N, 3, H, W) in ``value_range`` to the same.
        loss: Restored and clean tensors to one number that is to fall.
        order: The channel order that the network takes.
        value_range: Values of black and white.
        metadata: What is written into the file of weights, so that the network can be built again.
        fast: Makes of the trained network one that computes the same faster, where there is one.
    """

    network: nn.Module
    loss: Callable[[Tensor, Tensor], Tensor]
    order: Literal["rgb", "bgr"]
    value_range: tuple[float, float]
    metadata: Mapping[str, str] = field(default_factory=dict)
    fast: Callable[[nn.Module], nn.Module] | None = None


def network_of(name: str) -> Trainee:
    """A network with random weights, drawn from torch's global generator.

    Raises:
        UserError: There is none of that name.
    """
    if name not in NETWORKS:
        raise UserError(f"unknown network {name!r}; known: {', '.join(NETWORKS)}")
    trainee = NETWORKS[name]()
    return replace(trainee, metadata={**trainee.metadata, "network": name})


def _mspfn(design: Design) -> Trainee:
    from torch import nn

    from derainers.networks.mspfn.single_scale import member_of
    from derainers.training.losses import mspfn_loss

    network = member_of(design)
    # The network subtracts what its last convolution gives: with zeros there, it starts from the rainy image.
    nn.init.zeros_(network.last.weight)
    return Trainee(network, mspfn_loss, "bgr", (-1.0, 1.0), {"design": json.dumps(asdict(design))})


def _prenet(design: PReNetDesign) -> Trainee:
    from derainers.networks.prenet.lean import LeanPReNet
    from derainers.networks.prenet.prenet import PReNet
    from derainers.training.losses import negative_ssim

    def lean(network: nn.Module) -> nn.Module:
        return LeanPReNet(network) if isinstance(network, PReNet) else network

    return Trainee(PReNet(design), negative_ssim, "rgb", (0.0, 1.0), {"stages": str(design.stages)}, lean)


NETWORKS: Mapping[str, Callable[[], Trainee]] = {
    **{name: partial(_mspfn, design) for name, design in DESIGNS.items()},
    **{name: partial(_prenet, design) for name, design in TRAINABLE.items()},
}
"""Factories by name, made from the two families' designs."""
