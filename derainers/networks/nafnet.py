"""NAFNet: a U of convolutions that gate each other, without any activation function; and ClearView's models.

Chen et al., "Simple baselines for image restoration", ECCV 2022. Its authors published no deraining weights; those of
the project ClearView (https://github.com/dronefreak/clearview) were all trained by one recipe on one mix of synthetic
and real rain, a Restormer among them: between its rows only the network differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from bench.contract import Options, Traits
from bench.devices import torch_device_ready
from derainers.networks.restormer import Restormer, RestormerDesign
from derainers.torch_derainer import TorchDerainer
from derainers.weights import load_imported


@dataclass(frozen=True)
class NAFNetDesign:
    """What sets one NAFNet apart from another.

    Attributes:
        width: Channels at full resolution; each coarser level has twice as many.
        encoder: Blocks at each level on the way down.
        middle: Blocks at the coarsest level.
        decoder: Blocks at each level on the way up, the coarsest first.
    """

    width: int
    encoder: tuple[int, ...]
    middle: int
    decoder: tuple[int, ...]


SMALL = NAFNetDesign(width=16, encoder=(1, 1, 1, 1), middle=1, decoder=(1, 1, 1, 1))
MIDDLE = NAFNetDesign(width=32, encoder=(2, 2, 4, 8), middle=4, decoder=(2, 2, 2, 2))
RESTORMER_SMALL = RestormerDesign(width=24, blocks=(1, 1, 1, 2), refinement=2, biased=True)


class NAFNet(nn.Module):
    """Input and output: (N, 3, H, W) float32 RGB in [0, 1], H and W multiples of 16; the output is not clipped."""

    def __init__(self, design: NAFNetDesign) -> None:
        super().__init__()
        widths = [design.width << level for level in range(len(design.encoder) + 1)]
        coarser, finer = widths[1:], widths[-2::-1]
        self.intro = nn.Conv2d(3, design.width, 3, padding=1)
        self.encoders = nn.ModuleList(map(blocks, widths[:-1], design.encoder))
        self.downs = nn.ModuleList(nn.Conv2d(width // 2, width, 2, stride=2) for width in coarser)
        self.middle_blks = blocks(widths[-1], design.middle)
        self.ups = nn.ModuleList(upsample(2 * width) for width in finer)
        self.decoders = nn.ModuleList(map(blocks, finer, design.decoder))
        self.ending = nn.Conv2d(design.width, 3, 3, padding=1)

    def forward(self, rainy: Tensor) -> Tensor:
        """Return the clean image."""
        x = self.intro(rainy)
        skips = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            x = encoder(x)
            skips.append(x)
            x = down(x)
        x = self.middle_blks(x)
        for up, decoder in zip(self.ups, self.decoders, strict=True):
            x = decoder(up(x) + skips.pop())
        restored: Tensor = self.ending(x) + rainy
        return restored


class NAFBlock(nn.Module):
    """A gated depthwise convolution with channel attention, then a gated pair of 1x1 convolutions; both with a skip."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = PixelNorm(channels)
        self.conv1 = nn.Conv2d(channels, 2 * channels, 1)
        self.dwconv = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels)
        self.sca = MeanAttention(channels)
        self.conv2 = nn.Conv2d(channels, channels, 1)
        self.norm2 = PixelNorm(channels)
        self.conv3 = nn.Conv2d(channels, 2 * channels, 1)
        self.conv4 = nn.Conv2d(channels, channels, 1)
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        gated = self.sca(halves_multiplied(self.dwconv(self.conv1(self.norm1(x)))))
        x = x + self.conv2(gated) * self.beta
        y: Tensor = x + self.conv4(halves_multiplied(self.conv3(self.norm2(x)))) * self.gamma
        return y


class PixelNorm(nn.Module):
    """Layer normalisation over the channels of every pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        centred = x - x.mean(dim=1, keepdim=True)
        variance = centred.pow(2).mean(dim=1, keepdim=True)
        return centred / (variance + 1e-6).sqrt() * self.weight[:, None, None] + self.bias[:, None, None]


class MeanAttention(nn.Module):
    """Scales every channel by a linear function of all channels' means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        y: Tensor = x * self.conv(x.mean(dim=(2, 3), keepdim=True))
        return y


def halves_multiplied(x: Tensor) -> Tensor:
    """(N, 2C, H, W) to (N, C, H, W): what takes the place of an activation."""
    first, second = x.chunk(2, dim=1)
    return first * second


def upsample(channels: int) -> nn.Sequential:
    """Twice the height and width, half the channels."""
    return nn.Sequential(nn.Conv2d(channels, 2 * channels, 1, bias=False), nn.PixelShuffle(2))


def blocks(channels: int, count: int) -> nn.Sequential:
    """Make blocks one after the other."""
    return nn.Sequential(*(NAFBlock(channels) for _ in range(count)))


CLEARVIEW: Mapping[str, Callable[[], nn.Module]] = {
    "nafnet-small": partial(NAFNet, SMALL),
    "nafnet-mid": partial(NAFNet, MIDDLE),
    "restormer-small": partial(Restormer, RESTORMER_SMALL),
}
"""Name of a derainer to what makes its network."""


def clearview(name: str, options: Options) -> TorchDerainer:
    """Build one of ClearView's models as a derainer, trained on synthetic and real rain together.

    Images are padded to multiples of 32, as ClearView does it, but at two sides instead of four.

    Args:
        name: One of :data:`CLEARVIEW`.
        options: Device, precision, folders of weights, and whether random weights will do.

    Raises:
        UserError: The weights are not here; the message says where they are.
    """
    torch_device_ready(options)
    network = CLEARVIEW[name]()
    load_imported(network, name, options, part="model_state_dict")
    return TorchDerainer(network, Traits(batchable=False, multiple_of=32, quantisation="trunc"), options)
