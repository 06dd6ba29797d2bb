"""SPANet: residual blocks that an attention map, spread in four directions over the image, switches on.

Wang et al., "Spatial attentive single-image deraining with a high quality real rain dataset", CVPR 2019. The
official code computes weights for the four directions, too, but never applies them; they are left out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.contract import Options, Traits
from bench.devices import torch_device_ready
from bench.io.checkpoints import load_state
from derainers.torch_derainer import TorchDerainer, steady_sigmoid
from derainers.weights import read_official

CHANNELS = 32
BLOCKS = 17
ATTENTIVE = range(4, 16)  # these blocks, in groups of three, follow an attention map
_UNUSED = "SAM1.attention_layer."


class SPANet(nn.Module):
    """The network; input and output: (N, 3, H, W) float32 **BGR** in [0, 1], any size; the output is not clipped."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_in = nn.Sequential(_conv(3, CHANNELS), nn.ReLU())
        self.SAM1 = SpatialAttention()
        for number in range(1, BLOCKS + 1):
            self.add_module(f"res_block{number}", DilatedBottleneck())
        self.conv_out = nn.Sequential(_conv(CHANNELS, 3))

    def forward(self, rainy: Tensor) -> Tensor:
        """Return the clean image."""
        x: Tensor = self.conv_in(rainy)
        attention: Tensor | None = None
        for number in range(1, BLOCKS + 1):
            if number in ATTENTIVE and (number - ATTENTIVE.start) % 3 == 0:
                attention = self.SAM1(x)
            residual = self.get_submodule(f"res_block{number}")(x)
            x = torch.relu(x + (residual * attention if attention is not None and number in ATTENTIVE else residual))
        restored: Tensor = self.conv_out(x)
        return restored


class DilatedBottleneck(nn.Module):
    """1x1, dilated 3x3 and 1x1 convolution; the skip is the caller's."""

    def __init__(self) -> None:
        super().__init__()
        self.group1 = nn.Sequential()
        self.group1.add_module("conv1", _conv(CHANNELS, CHANNELS, 1))
        self.group1.add_module("relu1", nn.ReLU())
        self.group1.add_module("conv2", nn.Conv2d(CHANNELS, CHANNELS, 3, padding=2, dilation=2, bias=False))
        self.group1.add_module("relu2", nn.ReLU())
        self.group1.add_module("conv3", _conv(CHANNELS, CHANNELS, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 32, H, W) to the same shape."""
        y: Tensor = self.group1(x)
        return y


class SpatialAttention(nn.Module):
    """Spatial attention: two rounds of spreading features in four directions end in one map of the image."""

    def __init__(self) -> None:
        super().__init__()
        self.irnn1 = FourDirections()
        self.irnn2 = FourDirections()
        self.conv_in = _conv(CHANNELS, CHANNELS)
        self.conv2 = _conv(4 * CHANNELS, CHANNELS)
        self.conv3 = _conv(4 * CHANNELS, CHANNELS)
        self.conv_out = _conv(CHANNELS, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 32, H, W) to (N, 1, H, W) in [0, 1]."""
        x = self.conv2(self.irnn1(self.conv_in(x)))
        x = torch.relu(self.conv3(self.irnn2(x)))
        return steady_sigmoid(self.conv_out(x))


class FourDirections(nn.Module):
    """Recurrent sweeps over the image: each pixel adds itself to what comes from its neighbour, and a ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.up_weight = _per_channel()
        self.right_weight = _per_channel()
        self.down_weight = _per_channel()
        self.left_weight = _per_channel()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 32, H, W) to (N, 128, H, W): upwards, rightwards, downwards, leftwards."""
        up = swept(x.flip(2), 2, self.up_weight).flip(2)
        right = swept(x, 3, self.right_weight)
        down = swept(x, 2, self.down_weight)
        left = swept(x.flip(3), 3, self.left_weight).flip(3)
        return torch.cat([up, right, down, left], dim=1)


def swept(x: Tensor, axis: int, step: nn.Conv2d) -> Tensor:
    """Sweep (N, C, H, W) along an axis, from its first row or column to its last."""
    rows = x.unbind(axis)
    weight = step.weight.reshape(-1, 1)
    bias = step.bias.reshape(-1, 1) if step.bias is not None else torch.zeros_like(weight)
    found = [torch.relu(rows[0])]
    for row in rows[1:]:
        found.append(torch.relu(found[-1] * weight + bias + row))
    return torch.stack(found, dim=axis)


def _conv(channels_in: int, channels_out: int, kernel_size: int = 3) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, kernel_size, padding=kernel_size // 2, bias=False)


def _per_channel() -> nn.Conv2d:
    return nn.Conv2d(CHANNELS, CHANNELS, kernel_size=1, groups=CHANNELS)


def spanet(options: Options) -> TorchDerainer:
    """Build SPANet as trained by the authors of BRN on light rain (Rain200L), for foreign rain.

    Raises:
        UserError: The weights cannot be had.
    """
    torch_device_ready(options)
    network = SPANet()
    state, origin = read_official("spanet", options, network.state_dict().keys())
    load_state(network, {key: value for key, value in state.items() if _UNUSED not in key}, origin)
    return TorchDerainer(network, Traits(quantisation="round"), options, order="bgr")
