"""Networks with the weights that ``derainbench train`` wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.contract import Traits
from derainers.network import TorchDerainer

if TYPE_CHECKING:
    from derainers.training.networks import Trainee


def trained(trainee: Trainee, device: str = "cpu") -> TorchDerainer:
    """A network as a derainer, with the weights that it has now.

    Args:
        trainee: The network and the order and range of its values.
        device: ``cpu``, ``cuda``, ...
    """
    traits = Traits(multiple_of=4, quantisation="round")
    return TorchDerainer(trainee.network, traits, device, trainee.order, trainee.value_range)
