"""DIDMDN: a classifier of the rain's density steers the deraining network.

Zhang and Patel, "Density-aware single image de-raining using a multi-stream dense network", CVPR 2018. The official
test runs on 512x512 pixels. Here images keep their size, and only the classifier sees a copy of 512x512.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from bench.contract import Options, Traits
from bench.devices import torch_device_ready
from derainers.networks.dense_blocks import Stretched, normalise_with_the_image
from derainers.networks.didmdn.networks import DensityAwareDerain, RainDensity, RainResidual
from derainers.torch_derainer import TorchDerainer
from derainers.weights import load_imported

SIDE = 512


class DIDMDN(nn.Module):
    """The whole network: rain residual, rain density and deraining in a row.

    Input and output: (1, 3, H, W) float32 RGB in [-1, 1], H and W multiples of 8, at least 32.
    """

    def __init__(self) -> None:
        super().__init__()
        self.residual = RainResidual()
        self.density = RainDensity()
        self.derain = DensityAwareDerain()

    def forward(self, rainy: Tensor) -> Tensor:
        """Return the clean image."""
        restored: Tensor = self.derain(rainy, self.density_of(rainy))
        return restored

    def density_of(self, rainy: Tensor) -> int:
        """Classify the rain residual's density: 1 (light) to 4 (heavy)."""
        small = functional.interpolate(rainy, size=(SIDE, SIDE), mode="bilinear", antialias=True)
        return int(self.density(small - self.residual(small)).argmax()) + 1


def didmdn(options: Options) -> TorchDerainer:
    """Build DIDMDN with the authors' three files of weights: ``didmdn-residual.pth``, ``-density`` and ``-derain``.

    Raises:
        UserError: A file is not here; the message says where to get it.
    """
    torch_device_ready(options)
    network = DIDMDN()
    normalise_with_the_image(network)
    for part, own in (("residual", network.residual), ("density", network.density), ("derain", network.derain)):
        load_imported(own, "didmdn", options, f"didmdn-{part}", unknown_allowed=True)
    traits = Traits(batchable=False, multiple_of=32, quantisation="trunc")
    return TorchDerainer(Stretched(network), traits, options, value_range=(-1.0, 1.0))
