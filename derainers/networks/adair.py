"""AdaIR: a Restormer for five degradations at once, whose decoder is shown the image's low and high frequencies.

Cui et al., "AdaIR: adaptive all-in-one image restoration via frequency mining and modulation", ICLR 2025.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.contract import Options, Traits
from bench.devices import torch_device_ready
from derainers.networks.restormer import TransformerBlock, between_channels
from derainers.networks.u_shaped import UShaped, conv, depthwise
from derainers.torch_derainer import TorchDerainer, steady_sigmoid
from derainers.weights import load_imported

WIDTH = 48
BLOCKS = (4, 6, 6, 8)
REFINEMENT = 4
HEADS = 4  # of the attention between features and frequencies, at every level
BAND = 128  # of this many rows or columns, at most one at either side of frequency 0 counts as low


class AdaIR(nn.Module):
    """The network under the name that it has in the published file.

    Input and output: (N, 3, H, W) float32 RGB in [0, 1], H and W multiples of 8; the output is not clipped.
    """

    def __init__(self) -> None:
        super().__init__()
        self.net = FrequencyUNet()

    def forward(self, rainy: Tensor) -> Tensor:
        """Return the clean image."""
        restored: Tensor = self.net(rainy)
        return restored


class FrequencyUNet(UShaped):
    """Restormer's U with a look at the image's frequencies before each step up."""

    def __init__(self) -> None:
        super().__init__(WIDTH, BLOCKS, REFINEMENT, TransformerBlock)
        self.fre1, self.fre2, self.fre3 = (FrequencyModule(WIDTH * times) for times in (8, 4, 2))

    def forward(self, rainy: Tensor) -> Tensor:
        """Return the clean image."""
        level1, level2, level3, level4 = self.encode(rainy)
        x = self.up4_3(self.fre1(rainy, level4))
        x = self.decoder_level3(self.reduce_chan_level3(torch.cat([x, level3], dim=1)))
        x = self.up3_2(self.fre2(rainy, x))
        x = self.decoder_level2(self.reduce_chan_level2(torch.cat([x, level2], dim=1)))
        x = self.up2_1(self.fre3(rainy, x))
        x = self.refinement(self.decoder_level1(torch.cat([x, level1], dim=1)))
        restored: Tensor = self.output(x) + rainy
        return restored


class FrequencyModule(nn.Module):
    """Features ask the image's low and high frequencies, which have modulated each other (the paper's AFLB).

    Two layers of the authors' file that their code never uses are left out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv(3, channels)
        self.para1 = nn.Parameter(torch.zeros(channels, 1, 1))
        self.para2 = nn.Parameter(torch.ones(channels, 1, 1))
        self.channel_cross_l = CrossAttention(channels)
        self.channel_cross_h = CrossAttention(channels)
        self.channel_cross_agg = CrossAttention(channels)
        self.frequency_refine = MutualModulation(channels)
        self.rate_conv = nn.Sequential(conv(channels, channels // 8, 1), nn.GELU(), conv(channels // 8, 2, 1))

    def forward(self, rainy: Tensor, features: Tensor) -> Tensor:
        """(N, 3, H, W) and features (N, C, h, w) to (N, C, h, w)."""
        image = self.conv1(functional.interpolate(rainy, features.shape[2:], mode="bilinear"))
        shares = steady_sigmoid(self.rate_conv(image.mean(dim=(2, 3), keepdim=True)))
        high, low = split_frequencies(image, shares[:, :, 0, 0])
        high, low = self.channel_cross_l(high, features), self.channel_cross_h(low, features)
        mixed = self.channel_cross_agg(features, self.frequency_refine(low, high))
        y: Tensor = mixed * self.para1 + features * self.para2
        return y


def split_frequencies(x: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    """Split features into their high and low frequencies.

    Args:
        x: (N, C, H, W).
        shares: (N, 2) in [0, 1]: how much of the band of low frequencies counts, in rows and in columns.

    Returns:
        Magnitudes of the high and of the low part, both (N, C, H, W).
    """
    height, width = x.shape[2:]
    rows = _low(height, (height // BAND * shares[:, 0]).int())
    columns = _low(width, (width // BAND * shares[:, 1]).int())
    low = (rows[:, :, None] & columns[:, None, :])[:, None]
    spectrum = torch.fft.fft2(x, norm="forward")
    parts = (spectrum.masked_fill(low, 0), spectrum.masked_fill(~low, 0))
    high_part, low_part = (torch.fft.ifft2(part, norm="forward").abs() for part in parts)
    return high_part, low_part


def _low(size: int, reach: Tensor) -> Tensor:
    """Mark the frequencies from -reach to reach - 1, in the order of an FFT; (N,) to (N, size)."""
    frequencies = (torch.arange(size, device=reach.device) + size // 2) % size - size // 2
    return (frequencies >= -reach[:, None]) & (frequencies < reach[:, None])


class CrossAttention(nn.Module):
    """Attention between the channels of two sources."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(HEADS, 1, 1))
        self.q, self.q_dwconv = conv(channels, channels, 1), depthwise(channels)
        self.kv, self.kv_dwconv = conv(channels, 2 * channels, 1), depthwise(2 * channels)
        self.project_out = conv(channels, channels, 1)

    def forward(self, asking: Tensor, asked: Tensor) -> Tensor:
        """Two of (N, C, H, W) to one."""
        key, value = self.kv_dwconv(self.kv(asked)).chunk(2, dim=1)
        y: Tensor = self.project_out(between_channels(self.q_dwconv(self.q(asking)), key, value, self.temperature))
        return y


class MutualModulation(nn.Module):
    """High frequencies say where the low ones count, and low ones in which channels the high ones do (FMoM)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.SpatialGate = nn.ModuleDict({"spatial": conv(2, 1, 7)})
        mlp = nn.Sequential(conv(channels, channels // 16, 1), nn.ReLU(), conv(channels // 16, channels, 1))
        self.ChannelGate = nn.ModuleDict({"mlp": mlp})
        self.proj = conv(channels, channels, 1, biased=True)

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        """Two of (N, C, H, W) to one."""
        seen = torch.cat([high.amax(dim=1, keepdim=True), high.mean(dim=1, keepdim=True)], dim=1)
        where = steady_sigmoid(self.SpatialGate["spatial"](seen))
        mlp = self.ChannelGate["mlp"]
        mean, most = low.mean(dim=(2, 3), keepdim=True), low.amax(dim=(2, 3), keepdim=True)
        which = steady_sigmoid(mlp(mean) + mlp(most))
        y: Tensor = self.proj(low * where + high * which)
        return y


def adair(options: Options) -> TorchDerainer:
    """AdaIR with the authors' weights for rain, haze, noise, blur and darkness.

    Raises:
        UserError: The weights are not here; the message says where they are.
    """
    torch_device_ready(options)
    network = AdaIR()
    load_imported(network, "adair", options, part="state_dict", unknown_allowed=True)
    return TorchDerainer(network, Traits(batchable=False, multiple_of=8, quantisation="trunc"), options)
