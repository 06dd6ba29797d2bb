"""UMRL: rain residuals at two coarse scales, weighted by how certain the network is of them.

Yasarla and Patel, "Uncertainty guided multi-scale residual learning using a cycle spinning CNN for single image
de-raining", CVPR 2019. Cycle spinning itself (121 shifted passes an image) is not done here.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.contract import Options, Traits
from bench.devices import torch_device_ready
from derainers.networks.dense_blocks import DenseBlock, Resize, Stretched, Transition, normalise_with_the_image
from derainers.torch_derainer import TorchDerainer, steady_sigmoid
from derainers.weights import load_official

SLOPE = 0.2


class UMRL(nn.Module):
    """The network: encoder and decoder of dense blocks with residual and confidence estimates on the way.

    Input and output: (1, 3, H, W) float32 RGB in [-1, 1], H and W multiples of 16. Parts that only training
    uses are here since the checkpoints hold them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dense_block1, self.trans_block1 = _pair(3, 29, 32, "down")
        self.dense_block2, self.trans_block2 = _pair(32, 32, 32, "down")
        self.dense_block3, self.trans_block3 = _pair(32, 32, 32, "down")
        self.dense_block3_1, self.trans_block3_1 = _pair(32, 32, 32, "down")
        self.dense_block3_2, self.trans_block3_2 = _pair(32, 32, 32, "up")
        self.dense_block4, self.trans_block4 = _pair(64, 32, 32, "up")
        self.dense_block5, self.trans_block5 = _pair(67, 32, 32, "up")
        self.dense_block6, self.trans_block6 = _pair(67, 16, 16, "up")
        self.dense_block6_1, self.trans_block6_1 = _pair(16, 16, 16, "keep")
        self.res_est = ResidualEstimate()
        self.conf_res = Confidence()
        self.conv_refin = _conv3x3(16, 16)
        self.refine3 = _conv3x3(16, 3)
        self.refineclean1 = nn.Conv2d(3, 8, kernel_size=7, padding=3)
        self.refineclean2 = _conv3x3(8, 3)
        self.batchnorm20 = nn.BatchNorm2d(20)
        self.batchnorm1 = nn.BatchNorm2d(1)

    def forward(self, rainy: Tensor) -> Tensor:
        """Return the clean image in [-1, 1]."""
        half = self.trans_block1(self.dense_block1(rainy))
        quarter = self.trans_block2(self.dense_block2(half))
        eighth = self.trans_block3(self.dense_block3(quarter))
        deepest = self.trans_block3_1(self.dense_block3_1(eighth))
        x = self.trans_block3_2(self.dense_block3_2(deepest))
        x = self.trans_block4(self.dense_block4(torch.cat([x, eighth], dim=1)))
        x = self.trans_block5(self.dense_block5(self._with_residual(x, quarter)))
        x = self.trans_block6(self.dense_block6(self._with_residual(x, half)))
        x = self.trans_block6_1(self.dense_block6_1(x))
        residual = torch.tanh(self.refine3(functional.leaky_relu(self.conv_refin(x), SLOPE)))
        clean = functional.leaky_relu(self.refineclean1(rainy - residual), SLOPE)
        return torch.tanh(self.refineclean2(clean))

    def _with_residual(self, x: Tensor, skip: Tensor) -> Tensor:
        """Append the skipped features and the residual of this scale, weighted by its confidence."""
        residual = self.res_est(torch.cat([x, skip], dim=1))
        confidence = self.conf_res(torch.cat([x, residual], dim=1))
        return torch.cat([x, skip, residual * confidence], dim=1)


class ResidualEstimate(nn.Module):
    """Rain residual of one scale; one set of weights for both."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.trans_block1 = _pair(64, 32, 32, "keep", kernel_size=3)
        self.conv2, self.trans_block2 = _pair(32, 32, 32, "keep", kernel_size=3)
        self.conv3, self.trans_block3 = _pair(32, 32, 32, "keep", kernel_size=3)
        self.conv_refin = _conv3x3(32, 16)
        self.refine3 = _conv3x3(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 64, h, w) to (N, 3, h, w) in [-1, 1]."""
        x = self.trans_block1(self.conv1(x))
        x = self.trans_block2(self.conv2(x))
        x = self.trans_block3(self.conv3(x))
        return torch.tanh(self.refine3(functional.leaky_relu(self.conv_refin(x), SLOPE)))


class Confidence(nn.Module):
    """Confidence of a residual, pixel by pixel; one set of weights for all scales."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _conv3x3(35, 16)
        self.conv2, self.trans_block2 = _pair(16, 16, 16, "keep", kernel_size=3)
        self.conv3, self.trans_block3 = _pair(16, 16, 16, "keep", kernel_size=3)
        self.conv_refin = _conv3x3(16, 16)
        self.refine3 = _conv3x3(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 35, h, w) to (N, 3, h, w) in [0, 1]."""
        x = self.conv1(x)
        x = self.trans_block2(self.conv2(x))
        x = self.trans_block3(self.conv3(x))
        return steady_sigmoid(self.refine3(x))


def _pair(
    channels_in: int, growth: int, channels_out: int, resize: Resize, kernel_size: int = 5
) -> tuple[DenseBlock, Transition]:
    return (
        DenseBlock(channels_in, growth, kernel_size),
        Transition(channels_in + growth, channels_out, resize),
    )


def _conv3x3(channels_in: int, channels_out: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1)


def umrl(options: Options, stretch: bool = True) -> TorchDerainer:
    """Build UMRL trained on Rain100H (the authors' ``Net_JORDER``), with the official contrast stretch.

    Raises:
        UserError: The weights cannot be had.
    """
    torch_device_ready(options)
    network = UMRL()
    load_official(network, "umrl", options)
    normalise_with_the_image(network)
    traits = Traits(batchable=False, multiple_of=16, quantisation="trunc")
    return TorchDerainer(Stretched(network) if stretch else network, traits, options, value_range=(-1.0, 1.0))
