"""GT-RAIN's network: deformable residual blocks, trained on pairs of real rain.

Ba et al., "Not just streaks: towards ground truth for single image deraining", ECCV 2022.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.contract import Options, Traits
from bench.devices import torch_device_ready
from derainers.torch_derainer import TorchDerainer, steady_sigmoid
from derainers.weights import load_imported

WIDTH = 64
BLOCKS = 9
KERNEL = 3
SLOPE = 0.1


class GTRain(nn.Module):
    """The network under the name that it has in the published file.

    Input and output: (N, 3, H, W) float32 RGB in [-1, 1], H and W multiples of 4.
    """

    def __init__(self) -> None:
        super().__init__()
        self.resnet = DeformableResNet()

    def forward(self, rainy: Tensor) -> Tensor:
        """Return the clean image."""
        restored: Tensor = self.resnet(rainy)
        return restored


class DeformableResNet(nn.Module):
    """Twice halved, nine residual blocks, and twice enlarged again beside what was there before."""

    def __init__(self) -> None:
        super().__init__()
        one, two, four = WIDTH, 2 * WIDTH, 4 * WIDTH
        self.initial_conv = nn.Sequential(Convolution(3, one, 7), Convolution(one, one))
        self.downsample_1 = Convolution(one, two, stride=2)
        self.downsample_2 = Convolution(two, four, stride=2)
        self.residual_blocks = nn.Sequential(*(ResidualBlock(four) for _ in range(BLOCKS)))
        self.upsample_2 = Enlarged(four)
        self.upsample_1 = Enlarged(two)
        self.output_conv_naive = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(one, 3, KERNEL), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to the same."""
        full = self.initial_conv(x)
        half = self.downsample_1(full)
        quarter = self.residual_blocks(self.downsample_2(half))
        y: Tensor = self.output_conv_naive(self.upsample_1(self.upsample_2(quarter, half), full))
        return y


class Convolution(nn.Module):
    """A convolution over a mirrored edge, normalised and activated."""

    def __init__(self, channels_in: int, channels_out: int, kernel_size: int = KERNEL, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.ReflectionPad2d(kernel_size // 2),
            nn.Conv2d(channels_in, channels_out, kernel_size, stride, bias=False),
            nn.BatchNorm2d(channels_out),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) to (N, out, H / stride, W / stride)."""
        return functional.leaky_relu(self.conv(x), SLOPE)


class Enlarged(nn.Module):
    """Twice the height and width and half the channels, joined with the finer features."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.deconv = nn.ModuleDict({"conv": Convolution(channels, channels // 2)})
        self.conv = Convolution(channels, channels // 2)

    def forward(self, x: Tensor, finer: Tensor) -> Tensor:
        """(N, C, H, W) and (N, C / 2, 2H, 2W) to (N, C / 2, 2H, 2W)."""
        larger = functional.interpolate(x, finer.shape[2:], mode="bilinear", align_corners=True)
        y: Tensor = self.conv(torch.cat([self.deconv["conv"](larger), finer], dim=1))
        return y


class ResidualBlock(nn.Module):
    """Two deformable convolutions over mirrored edges, and a skip."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1), DeformableConvolution(channels), nn.BatchNorm2d(channels), nn.LeakyReLU(SLOPE),
            nn.ReflectionPad2d(1), DeformableConvolution(channels), nn.BatchNorm2d(channels),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        y: Tensor = x + self.conv_block(x)
        return y


class DeformableConvolution(nn.Module):
    """A 3x3 convolution that looks where the features tell it to (Zhu et al., CVPR 2019)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.offset_conv = nn.Conv2d(channels, 2 * KERNEL**2, KERNEL)
        self.modulator_conv = nn.Conv2d(channels, KERNEL**2, KERNEL)
        self.regular_conv = nn.Conv2d(channels, channels, KERNEL, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H + 2, W + 2) to (N, C, H, W)."""
        shares = 2 * steady_sigmoid(self.modulator_conv(x))
        return deformed(x, self.offset_conv(x), shares, self.regular_conv.weight)


def deformed(x: Tensor, offsets: Tensor, shares: Tensor, kernel: Tensor) -> Tensor:
    """Convolve features with each of the kernel's places moved, one place after the other.

    Args:
        x: (N, C, H + 2, W + 2); what lies outside is 0.
        offsets: (N, 18, H, W): how far each place is moved down and to the right, in pixels.
        shares: (N, 9, H, W): how much of each place is taken.
        kernel: (out, C, 3, 3).

    Returns:
        (N, out, H, W).
    """
    height, width = offsets.shape[2:]
    rows = torch.arange(height, device=x.device, dtype=x.dtype)[:, None]
    columns = torch.arange(width, device=x.device, dtype=x.dtype)
    last = x.new_tensor([width + 1, height + 1])
    result = x.new_zeros(x.shape[0], kernel.shape[0], height, width)
    for place in range(KERNEL**2):
        down, right = divmod(place, KERNEL)
        moved = (columns + right + offsets[:, 2 * place + 1], rows + down + offsets[:, 2 * place])
        where = torch.stack(moved, dim=-1) * 2 / last - 1
        seen = functional.grid_sample(x, where, align_corners=True) * shares[:, place : place + 1]
        result = result + functional.conv2d(seen, kernel[:, :, down, right, None, None])
    return result


def gt_rain(options: Options) -> TorchDerainer:
    """GT-RAIN's network with the authors' weights, trained on real rain.

    Raises:
        UserError: The weights are not here; the message says where they are.
    """
    torch_device_ready(options)
    network = GTRain()
    load_imported(network, "gt-rain", options, part="state_dict")
    traits = Traits(batchable=False, multiple_of=4, quantisation="trunc")
    return TorchDerainer(network, traits, options, value_range=(-1.0, 1.0))
