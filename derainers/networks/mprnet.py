"""MPRNet: three stages that see quarters, halves and the whole of the image.

Zamir et al., "Multi-stage progressive image restoration", CVPR 2021, with the sizes of its deraining model.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.contract import Options, Traits
from bench.devices import torch_device_ready
from derainers.torch_derainer import TorchDerainer, steady_sigmoid
from derainers.weights import load_official

WIDTH = 40  # channels at full resolution
STEP = 20  # further channels at each coarser level
WIDER = 16  # further channels in the last stage
BLOCKS = 8  # attention blocks in each of the last stage's three parts
REDUCTION = 4
LEVELS = (WIDTH, WIDTH + STEP, WIDTH + 2 * STEP)

Levels = tuple[Tensor, Tensor, Tensor]
"""Features at the full, a half and a quarter of a patch's resolution."""


class MPRNet(nn.Module):
    """The network of three stages.

    Input and output: (N, 3, H, W) float32 RGB in [0, 1], H and W multiples of 8; the output is not clipped.
    """

    def __init__(self) -> None:
        super().__init__()
        act = nn.PReLU()  # one slope for the whole network
        last = WIDTH + WIDER
        self.shallow_feat1 = nn.Sequential(conv(3, WIDTH), AttentionBlock(WIDTH, act))
        self.shallow_feat2 = nn.Sequential(conv(3, WIDTH), AttentionBlock(WIDTH, act))
        self.shallow_feat3 = nn.Sequential(conv(3, WIDTH), AttentionBlock(WIDTH, act))
        self.stage1_encoder = Encoder(act)
        self.stage1_decoder = Decoder(act)
        self.stage2_encoder = FusingEncoder(act)
        self.stage2_decoder = Decoder(act)
        self.stage3_orsnet = FullResolution(last, act)
        self.sam12 = SupervisedAttention()
        self.sam23 = SupervisedAttention()
        self.concat12 = conv(2 * WIDTH, WIDTH)
        self.concat23 = conv(2 * WIDTH, last)
        self.tail = conv(last, 3)

    def forward(self, rainy: Tensor) -> Tensor:
        """Return the last stage's clean image."""
        halves = rainy.chunk(2, dim=2)
        encoded1 = [self._quarters(half) for half in halves]
        decoded1 = [self.stage1_decoder(levels) for levels in encoded1]
        encoded2: list[Levels] = []
        for half, encoded, decoded in zip(halves, encoded1, decoded1, strict=True):
            both = torch.cat([self.shallow_feat2(half), self.sam12(decoded[0], half)], dim=1)
            encoded2.append(self.stage2_encoder.fuse(self.concat12(both), encoded, decoded))
        whole = joined(encoded2[0], encoded2[1], axis=2)
        decoded2 = self.stage2_decoder(whole)
        both = torch.cat([self.shallow_feat3(rainy), self.sam23(decoded2[0], rainy)], dim=1)
        features = self.stage3_orsnet(self.concat23(both), whole, decoded2)
        restored: Tensor = self.tail(features) + rainy
        return restored

    def _quarters(self, half: Tensor) -> Levels:
        """Encode the left and the right of a half separately, and join their features."""
        left, right = (self.stage1_encoder(self.shallow_feat1(quarter)) for quarter in half.chunk(2, dim=3))
        return joined(left, right, axis=3)


class ChannelAttention(nn.Module):
    """Channel attention: every channel is scaled by a gate made of all channels' means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_du = nn.Sequential(
            conv(channels, channels // REDUCTION, 1), nn.ReLU(), conv(channels // REDUCTION, channels, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        return x * steady_sigmoid(self.conv_du(x.mean(dim=(2, 3), keepdim=True)))


class AttentionBlock(nn.Module):
    """Two convolutions, channel attention, and a skip."""

    def __init__(self, channels: int, act: nn.PReLU) -> None:
        super().__init__()
        self.CA = ChannelAttention(channels)
        self.body = nn.Sequential(conv(channels, channels), act, conv(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        y: Tensor = self.CA(self.body(x)) + x
        return y


class SupervisedAttention(nn.Module):
    """Supervised attention: makes a stage's image of its features, and gates the features with that image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = conv(WIDTH, WIDTH, 1)
        self.conv2 = conv(WIDTH, 3, 1)
        self.conv3 = conv(3, WIDTH, 1)

    def forward(self, x: Tensor, rainy: Tensor) -> Tensor:
        """Map features (N, 40, H, W) and the rainy image to features for the next stage."""
        gate = steady_sigmoid(self.conv3(self.conv2(x) + rainy))
        y: Tensor = self.conv1(x) * gate + x
        return y


class Encoder(nn.Module):
    """Three levels of two attention blocks each."""

    def __init__(self, act: nn.PReLU) -> None:
        super().__init__()
        self.encoder_level1 = _blocks(LEVELS[0], 2, act)
        self.encoder_level2 = _blocks(LEVELS[1], 2, act)
        self.encoder_level3 = _blocks(LEVELS[2], 2, act)
        self.down12 = Resized("down", LEVELS[0], LEVELS[1], 0.5)
        self.down23 = Resized("down", LEVELS[1], LEVELS[2], 0.5)

    def forward(self, x: Tensor) -> Levels:
        """Map (N, 40, H, W) to features of three levels."""
        first = self.encoder_level1(x)
        second = self.encoder_level2(self.down12(first))
        return first, second, self.encoder_level3(self.down23(second))


class FusingEncoder(Encoder):
    """An encoder that adds the features of the stage before at the same level."""

    def __init__(self, act: nn.PReLU) -> None:
        super().__init__(act)
        self.csff_enc1, self.csff_enc2, self.csff_enc3 = (conv(width, width, 1) for width in LEVELS)
        self.csff_dec1, self.csff_dec2, self.csff_dec3 = (conv(width, width, 1) for width in LEVELS)

    def fuse(self, x: Tensor, encoded: Levels, decoded: Levels) -> Levels:
        """Map (N, 40, H, W) and the last stage's features to features of three levels."""
        first = self.encoder_level1(x) + self.csff_enc1(encoded[0]) + self.csff_dec1(decoded[0])
        second = self.encoder_level2(self.down12(first)) + self.csff_enc2(encoded[1]) + self.csff_dec2(decoded[1])
        third = self.encoder_level3(self.down23(second)) + self.csff_enc3(encoded[2]) + self.csff_dec3(decoded[2])
        return first, second, third


class Decoder(nn.Module):
    """Decoder from the coarsest level to the finest, with attention blocks on the skips."""

    def __init__(self, act: nn.PReLU) -> None:
        super().__init__()
        self.decoder_level1 = _blocks(LEVELS[0], 2, act)
        self.decoder_level2 = _blocks(LEVELS[1], 2, act)
        self.decoder_level3 = _blocks(LEVELS[2], 2, act)
        self.skip_attn1 = AttentionBlock(LEVELS[0], act)
        self.skip_attn2 = AttentionBlock(LEVELS[1], act)
        self.up21 = Resized("up", LEVELS[1], LEVELS[0], 2)
        self.up32 = Resized("up", LEVELS[2], LEVELS[1], 2)

    def forward(self, encoded: Levels) -> Levels:
        """Map features of three levels to features of three levels."""
        third = self.decoder_level3(encoded[2])
        second = self.decoder_level2(self.up32(third) + self.skip_attn2(encoded[1]))
        first = self.decoder_level1(self.up21(second) + self.skip_attn1(encoded[0]))
        return first, second, third


class FullResolution(nn.Module):
    """The last stage: no coarser levels of its own, but those of the stage before, enlarged."""

    def __init__(self, width: int, act: nn.PReLU) -> None:
        super().__init__()
        self.orb1, self.orb2, self.orb3 = (OriginalResolutionBlock(width, act) for _ in range(3))
        self.up_enc1, self.up_dec1 = (Resized("up", LEVELS[1], LEVELS[0], 2) for _ in range(2))
        self.up_enc2, self.up_dec2 = (
            nn.Sequential(Resized("up", LEVELS[2], LEVELS[1], 2), Resized("up", LEVELS[1], LEVELS[0], 2))
            for _ in range(2)
        )
        self.conv_enc1, self.conv_enc2, self.conv_enc3 = (conv(WIDTH, width, 1) for _ in range(3))
        self.conv_dec1, self.conv_dec2, self.conv_dec3 = (conv(WIDTH, width, 1) for _ in range(3))

    def forward(self, x: Tensor, encoded: Levels, decoded: Levels) -> Tensor:
        """Map (N, 56, H, W) and the second stage's features to (N, 56, H, W)."""
        x = self.orb1(x) + self.conv_enc1(encoded[0]) + self.conv_dec1(decoded[0])
        x = self.orb2(x) + self.conv_enc2(self.up_enc1(encoded[1])) + self.conv_dec2(self.up_dec1(decoded[1]))
        y: Tensor = self.orb3(x) + self.conv_enc3(self.up_enc2(encoded[2])) + self.conv_dec3(self.up_dec2(decoded[2]))
        return y


class OriginalResolutionBlock(nn.Module):
    """Eight attention blocks and a convolution, with a skip."""

    def __init__(self, width: int, act: nn.PReLU) -> None:
        super().__init__()
        self.body = nn.Sequential(*_blocks(width, BLOCKS, act), conv(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        y: Tensor = self.body(x) + x
        return y


class Scale(nn.Module):
    """Bilinear resizing by a factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, H * factor, W * factor)."""
        return functional.interpolate(x, scale_factor=self.factor, mode="bilinear", align_corners=False)


class Resized(nn.Module):
    """Resizing and a 1x1 convolution, under the name that the checkpoints use (``down`` or ``up``)."""

    def __init__(self, name: str, channels_in: int, channels_out: int, factor: float) -> None:
        super().__init__()
        self.layers_name = name
        self.add_module(name, nn.Sequential(Scale(factor), conv(channels_in, channels_out, 1)))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, out, H * factor, W * factor)."""
        y: Tensor = self.get_submodule(self.layers_name)(x)
        return y


def joined(first: Levels, second: Levels, axis: int) -> Levels:
    """Put the features of two patches side by side (axis 3) or one above the other (axis 2)."""
    a, b, c = (torch.cat(pair, dim=axis) for pair in zip(first, second, strict=True))
    return a, b, c


def conv(channels_in: int, channels_out: int, kernel_size: int = 3) -> nn.Conv2d:
    """Make a convolution without bias that keeps the size."""
    return nn.Conv2d(channels_in, channels_out, kernel_size, padding=kernel_size // 2, bias=False)


def _blocks(channels: int, count: int, act: nn.PReLU) -> nn.Sequential:
    return nn.Sequential(*(AttentionBlock(channels, act) for _ in range(count)))


def mprnet(options: Options) -> TorchDerainer:
    """Build MPRNet with the authors' deraining weights, trained on Rain13K.

    Raises:
        UserError: The weights cannot be had.
    """
    torch_device_ready(options)
    network = MPRNet()
    load_official(network, "mprnet", options, part="state_dict")
    return TorchDerainer(network, Traits(batchable=False, multiple_of=8, quantisation="round"), options)
