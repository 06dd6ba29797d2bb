"""Restormer: a transformer whose attention is between channels, so that its cost grows with the pixels only.

Zamir et al., "Restormer: efficient transformer for high-resolution image restoration", CVPR 2022.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.contract import Options, Traits
from bench.devices import torch_device_ready
from derainers.torch_derainer import TorchDerainer
from derainers.weights import load_imported

WIDTH = 48
BLOCKS = (4, 6, 6, 8)
HEADS = (1, 2, 4, 8)
REFINEMENT = 4
EXPANSION = 2.66


class Restormer(nn.Module):
    """The network: a U-shaped transformer of four levels.

    Input and output: (N, 3, H, W) float32 RGB in [0, 1], H and W multiples of 8; the output is not clipped.
    """

    def __init__(self) -> None:
        super().__init__()
        one, two, four, eight = (WIDTH * 2**level for level in range(4))
        self.patch_embed = PatchEmbedding()
        self.encoder_level1 = _blocks(one, HEADS[0], BLOCKS[0])
        self.down1_2 = Downsample(one)
        self.encoder_level2 = _blocks(two, HEADS[1], BLOCKS[1])
        self.down2_3 = Downsample(two)
        self.encoder_level3 = _blocks(four, HEADS[2], BLOCKS[2])
        self.down3_4 = Downsample(four)
        self.latent = _blocks(eight, HEADS[3], BLOCKS[3])
        self.up4_3 = Upsample(eight)
        self.reduce_chan_level3 = _conv(eight, four, 1)
        self.decoder_level3 = _blocks(four, HEADS[2], BLOCKS[2])
        self.up3_2 = Upsample(four)
        self.reduce_chan_level2 = _conv(four, two, 1)
        self.decoder_level2 = _blocks(two, HEADS[1], BLOCKS[1])
        self.up2_1 = Upsample(two)
        self.decoder_level1 = _blocks(two, HEADS[0], BLOCKS[0])
        self.refinement = _blocks(two, HEADS[0], REFINEMENT)
        self.output = _conv(two, 3)

    def forward(self, rainy: Tensor) -> Tensor:
        """Return the clean image."""
        level1 = self.encoder_level1(self.patch_embed(rainy))
        level2 = self.encoder_level2(self.down1_2(level1))
        level3 = self.encoder_level3(self.down2_3(level2))
        x = self.up4_3(self.latent(self.down3_4(level3)))
        x = self.up3_2(self.decoder_level3(self.reduce_chan_level3(torch.cat([x, level3], dim=1))))
        x = self.up2_1(self.decoder_level2(self.reduce_chan_level2(torch.cat([x, level2], dim=1))))
        x = self.refinement(self.decoder_level1(torch.cat([x, level1], dim=1)))
        restored: Tensor = self.output(x) + rainy
        return restored


class PatchEmbedding(nn.Module):
    """A 3x3 convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.proj = _conv(3, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to (N, 48, H, W)."""
        y: Tensor = self.proj(x)
        return y


class TransformerBlock(nn.Module):
    """Attention and a gated feed-forward part, each after a normalisation and with a skip."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(channels)
        self.attn = ChannelSelfAttention(channels, heads)
        self.norm2 = ChannelNorm(channels)
        self.ffn = GatedFeedForward(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        x = x + self.attn(self.norm1(x))
        y: Tensor = x + self.ffn(self.norm2(x))
        return y


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of every pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.LayerNorm(channels, eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        y: Tensor = self.body(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return y


class ChannelSelfAttention(nn.Module):
    """Attention of channels to channels, within groups of channels ("heads")."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = _conv(channels, 3 * channels, 1)
        self.qkv_dwconv = _depthwise(3 * channels)
        self.project_out = _conv(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        batch, channels, height, width = x.shape
        flat = (batch, self.heads, channels // self.heads, height * width)
        query, key, value = (part.reshape(flat) for part in self.qkv_dwconv(self.qkv(x)).chunk(3, dim=1))
        query, key = functional.normalize(query, dim=-1), functional.normalize(key, dim=-1)
        attention = (query @ key.transpose(-2, -1) * self.temperature).softmax(dim=-1)
        y: Tensor = self.project_out((attention @ value).reshape(batch, channels, height, width))
        return y


class GatedFeedForward(nn.Module):
    """One half of the widened channels, through a GELU, gates the other half."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = int(channels * EXPANSION)
        self.project_in = _conv(channels, 2 * hidden, 1)
        self.dwconv = _depthwise(2 * hidden)
        self.project_out = _conv(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        gate, value = self.dwconv(self.project_in(x)).chunk(2, dim=1)
        y: Tensor = self.project_out(functional.gelu(gate) * value)
        return y


class Downsample(nn.Module):
    """A layer to half the height and width, and twice the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(channels, channels // 2), nn.PixelUnshuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, 2C, H / 2, W / 2)."""
        y: Tensor = self.body(x)
        return y


class Upsample(nn.Module):
    """A layer to twice the height and width, and half the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(channels, 2 * channels), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C / 2, 2H, 2W)."""
        y: Tensor = self.body(x)
        return y


def _conv(channels_in: int, channels_out: int, kernel_size: int = 3) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, kernel_size, padding=kernel_size // 2, bias=False)


def _depthwise(channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, kernel_size=3, padding=1, groups=channels, bias=False)


def _blocks(channels: int, heads: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(TransformerBlock(channels, heads) for _ in range(count)))


def restormer(options: Options) -> TorchDerainer:
    """Build Restormer with the authors' deraining weights, trained on Rain13K.

    Raises:
        UserError: The weights are not here; the message says where they are.
    """
    torch_device_ready(options)
    network = Restormer()
    load_imported(network, "restormer", options, part="params")
    return TorchDerainer(network, Traits(batchable=False, multiple_of=8, quantisation="round"), options)
