"""KBNet: convolutions whose kernels are mixed anew at every pixel, from a learned basis of kernels.

Zhang et al., "KBNet: kernel basis network for image restoration", 2023 (arXiv 2303.02881), the large variant.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.contract import Options, Traits
from bench.devices import torch_device_ready
from derainers.networks.nafnet import PixelNorm, halves_multiplied
from derainers.networks.restormer import ChannelSelfAttention
from derainers.networks.u_shaped import UShaped, conv, depthwise
from derainers.torch_derainer import TorchDerainer
from derainers.weights import load_imported

WIDTH = 48
BLOCKS = (4, 6, 6, 8)
REFINEMENT = 4
EXPANSION = 1.5
BASES = 32
KERNEL = 3
GROUP = 2  # channels that one kernel mixes


class KBNet(UShaped):
    """Input and output: (N, 3, H, W) float32 RGB in [0, 1], H and W multiples of 8; the output is not clipped."""

    def __init__(self) -> None:
        super().__init__(WIDTH, BLOCKS, REFINEMENT, KernelBasisBlock)


class KernelBasisBlock(nn.Module):
    """Kernels mixed at every pixel, then attention between channels; each after a normalisation and with a skip."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.norm1 = PixelNorm(channels)
        self.norm2 = PixelNorm(channels)
        self.attn = MultiAxisFusion(channels)
        self.ffn = ChannelSelfAttention(channels, heads)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        x = x + self.attn(self.norm1(x))
        y: Tensor = x + self.ffn(self.norm2(x))
        return y


class MultiAxisFusion(nn.Module):
    """The paper's MFF: the product of a plain convolution, the kernel basis module, and channel attention."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = int(channels * EXPANSION)
        groups = min(channels, 24)
        self.dwconv = nn.Sequential(conv(channels, hidden, 1), depthwise(hidden))
        self.project_out = conv(hidden, channels, 1)
        self.sca = nn.Sequential(nn.AdaptiveAvgPool2d(1), conv(channels, hidden, 1, biased=True))
        self.conv1 = nn.Sequential(conv(channels, hidden, 1), depthwise(hidden))
        self.w = nn.Parameter(torch.zeros(1, BASES, hidden * GROUP * KERNEL**2))
        self.b = nn.Parameter(torch.zeros(1, BASES, hidden))
        self.conv2 = nn.Sequential(
            nn.Conv2d(channels, groups, 3, padding=1, groups=groups),
            HalvesMultiplied(),
            nn.Conv2d(groups // 2, BASES, 1),
        )
        self.conv211 = nn.Conv2d(channels, BASES, 1)
        self.attgamma = nn.Parameter(torch.full((1, BASES, 1, 1), 1e-2))
        self.ga1 = nn.Parameter(torch.full((1, hidden, 1, 1), 1e-2))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        shares = self.conv2(x) * self.attgamma + self.conv211(x)
        values = self.conv1(x)
        mixed = mixed_kernels(values, shares, self.w, self.b) * self.ga1 + values
        y: Tensor = self.project_out(functional.gelu(self.dwconv(x)) * mixed * self.sca(x))
        return y


class HalvesMultiplied(nn.Module):
    """One half of the channels times the other."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, 2C, H, W) to (N, C, H, W)."""
        return halves_multiplied(x)


def mixed_kernels(x: Tensor, shares: Tensor, basis: Tensor, biases: Tensor) -> Tensor:
    """Convolve every pixel with a kernel and a bias of its own, summed of the basis by its shares (the paper's KBA).

    One position of the kernel after the other: all pixels' kernels at once would take 18 times the features' memory.

    Args:
        x: (N, C, H, W), mixed in groups of two channels.
        shares: (N, bases, H, W).
        basis: (1, bases, C * 2 * 3 * 3).
        biases: (1, bases, C).
    """
    channels, height, width = x.shape[1:]
    kernels = basis.reshape(-1, channels, GROUP, KERNEL**2)
    result = functional.conv2d(shares, biases[0].t()[:, :, None, None])
    padded = functional.pad(x, [KERNEL // 2] * 4)
    for place in range(KERNEL**2):
        row, column = divmod(place, KERNEL)
        seen = padded[:, :, row : row + height, column : column + width]
        for member in range(GROUP):
            weights = functional.conv2d(shares, kernels[:, :, member, place].t()[:, :, None, None])
            result = result + weights * seen[:, member::GROUP].repeat_interleave(GROUP, dim=1)
    return result


def kbnet(options: Options) -> TorchDerainer:
    """KBNet with the authors' deraining weights, trained on Rain13K.

    Raises:
        UserError: The weights are not here; the message says where they are.
    """
    torch_device_ready(options)
    network = KBNet()
    load_imported(network, "kbnet", options, part="params")
    return TorchDerainer(network, Traits(batchable=False, multiple_of=8, quantisation="round"), options)
