"""The blocks of which DIDMDN and its descendant UMRL are made, and how both are run."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Resize = Literal["down", "up", "keep"]


class DenseBlock(nn.Module):
    """Normalise, squeeze by 1x1, normalise, convolve; the result is appended to the input.

    Args:
        channels_in: Channels of the input.
        growth: Channels that are appended.
        kernel_size: Odd size of the second convolution.
    """

    def __init__(self, channels_in: int, growth: int, kernel_size: int) -> None:
        super().__init__()
        inner = 4 * growth
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.conv1 = nn.Conv2d(channels_in, inner, kernel_size=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, growth, kernel_size, padding=kernel_size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, in + growth, H, W)."""
        y = self.conv1(torch.relu(self.bn1(x)))
        return torch.cat([x, self.conv2(torch.relu(self.bn2(y)))], dim=1)


class Transition(nn.Module):
    """Normalise, mix channels by 1x1 (a transposed convolution in the checkpoints), and change the size by 2."""

    def __init__(self, channels_in: int, channels_out: int, resize: Resize = "keep") -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.conv1 = nn.ConvTranspose2d(channels_in, channels_out, kernel_size=1, bias=False)
        self.resize = resize

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, out, H, W), half or twice as high and wide."""
        y: Tensor = self.conv1(torch.relu(self.bn1(x)))
        if self.resize == "down":
            return functional.avg_pool2d(y, 2)
        return functional.interpolate(y, scale_factor=2, mode="nearest") if self.resize == "up" else y


class Stretched(nn.Module):
    """A network whose output is stretched to its whole range, image by image, as the official test code does.

    This undoes the low contrast of the network's output, and changes colours where that was right.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, rainy: Tensor) -> Tensor:
        """Map (1, 3, H, W) so that the darkest value is -1 and the brightest 1."""
        y = self.network(rainy)
        low, high = y.amin(dim=(1, 2, 3), keepdim=True), y.amax(dim=(1, 2, 3), keepdim=True)
        stretched: Tensor = (y - low) / (high - low).clamp_min(1e-5) * 2 - 1
        return stretched


def normalise_with_the_image(network: nn.Module) -> nn.Module:
    """Let every batch normalisation use the statistics of the image at hand, and leave its running ones alone.

    This is what the official test code amounts to: it runs the network in training mode.
    """
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean = layer.running_var = layer.num_batches_tracked = None
            layer.track_running_stats = False
    return network
