"""The U of four levels that Restormer introduced, whatever its blocks: also KBNet's, Histoformer's and AdaIR's."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

HEADS = (1, 2, 4, 8)

Block = Callable[[int, int], nn.Module]
"""From channels and heads to a block that keeps the shape of (N, C, H, W)."""
Levels = tuple[Tensor, Tensor, Tensor, Tensor]
"""Features at the full, a half, a quarter and an eighth of the resolution."""


class UShaped(nn.Module):
    """Blocks on four levels down and up again, with skips; module names are those of the published files.

    Input and output: (N, 3, H, W) float32, H and W multiples of 8; the input is added to the output.

    Args:
        width: Channels at full resolution; each coarser level has twice as many.
        blocks: Blocks at each level.
        refinement: Further blocks at full resolution, at the end.
        block: Makes one block.
        biased: True if convolutions add a bias, but for those that resize.
    """

    def __init__(
        self, width: int, blocks: tuple[int, int, int, int], refinement: int, block: Block, biased: bool = False
    ) -> None:
        super().__init__()
        one, two, four, eight = (width * 2**level for level in range(4))

        def several(channels: int, level: int, count: int) -> nn.Sequential:
            return nn.Sequential(*(block(channels, HEADS[level]) for _ in range(count)))

        self.patch_embed = conv(3, one, 3, biased) if biased else PatchEmbedding(one)  # as the published files have it
        self.encoder_level1 = several(one, 0, blocks[0])
        self.down1_2 = Downsample(one)
        self.encoder_level2 = several(two, 1, blocks[1])
        self.down2_3 = Downsample(two)
        self.encoder_level3 = several(four, 2, blocks[2])
        self.down3_4 = Downsample(four)
        self.latent = several(eight, 3, blocks[3])
        self.up4_3 = Upsample(eight)
        self.reduce_chan_level3 = conv(eight, four, 1, biased)
        self.decoder_level3 = several(four, 2, blocks[2])
        self.up3_2 = Upsample(four)
        self.reduce_chan_level2 = conv(four, two, 1, biased)
        self.decoder_level2 = several(two, 1, blocks[1])
        self.up2_1 = Upsample(two)
        self.decoder_level1 = several(two, 0, blocks[0])
        self.refinement = several(two, 0, refinement)
        self.output = conv(two, 3, 3, biased)

    def forward(self, rainy: Tensor) -> Tensor:
        """Return the clean image."""
        restored: Tensor = self.output(self.decode(self.encode(rainy))) + rainy
        return restored

    def encode(self, rainy: Tensor) -> Levels:
        """(N, 3, H, W) to features of four levels."""
        level1 = self.encoder_level1(self.patch_embed(rainy))
        level2 = self.encoder_level2(self.down1_2(level1))
        level3 = self.encoder_level3(self.down2_3(level2))
        return level1, level2, level3, self.latent(self.down3_4(level3))

    def decode(self, levels: Levels) -> Tensor:
        """Features of four levels to (N, 2 * width, H, W)."""
        level1, level2, level3, level4 = levels
        x = self.up4_3(level4)
        x = self.up3_2(self.decoder_level3(self.reduce_chan_level3(torch.cat([x, level3], dim=1))))
        x = self.up2_1(self.decoder_level2(self.reduce_chan_level2(torch.cat([x, level2], dim=1))))
        y: Tensor = self.refinement(self.decoder_level1(torch.cat([x, level1], dim=1)))
        return y


class PatchEmbedding(nn.Module):
    """A 3x3 convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = conv(3, width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, width, H, W)."""
        y: Tensor = self.proj(x)
        return y


class Downsample(nn.Module):
    """Half the height and width, twice the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(channels, channels // 2), nn.PixelUnshuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, 2C, H / 2, W / 2)."""
        y: Tensor = self.body(x)
        return y


class Upsample(nn.Module):
    """Twice the height and width, half the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(channels, 2 * channels), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C / 2, 2H, 2W)."""
        y: Tensor = self.body(x)
        return y


def conv(channels_in: int, channels_out: int, kernel_size: int = 3, biased: bool = False) -> nn.Conv2d:
    """Make a convolution that keeps height and width."""
    return nn.Conv2d(channels_in, channels_out, kernel_size, padding=kernel_size // 2, bias=biased)


def depthwise(channels: int, biased: bool = False, kernel_size: int = 3) -> nn.Conv2d:
    """Make a convolution of every channel by itself that keeps height and width."""
    return nn.Conv2d(channels, channels, kernel_size, padding=kernel_size // 2, groups=channels, bias=biased)
