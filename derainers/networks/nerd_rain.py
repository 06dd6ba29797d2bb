"""NeRD-Rain: three scales that help each other, with an implicit picture of each coarse scale passed to the next.

Chen et al., "Bidirectional multi-scale implicit neural representations for image deraining", CVPR 2024; the small
variant (NeRD-Rain-S).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.contract import Options, Traits
from bench.devices import torch_device_ready
from derainers.networks.restormer import EXPANSION, TransformerBlock
from derainers.networks.u_shaped import Downsample, PatchEmbedding, Upsample, conv, depthwise
from derainers.torch_derainer import TorchDerainer, steady_sigmoid
from derainers.weights import load_imported

WIDTH = 32
BLOCKS = (2, 3, 3)
HEADS = (1, 2, 4)
WINDOW = 256  # pixels; the authors restore windows of this side, each by itself
HIDDEN = 256
NOUGHTS, TWOS = 18, 2

Levels = tuple[Tensor, Tensor, Tensor]
"""Features at the full, a half and a quarter of a scale's resolution."""


@dataclass(frozen=True)
class UPass:
    """One way down and up again at one scale, under the two endings that its modules have in the published file."""

    blocks: str
    steps: str


SMALL = UPass("small", "small")
MIDDLE = (UPass("mid1", "mid"), UPass("mid2", "mid2"))
LARGE = (UPass("max1", "max"), UPass("max2", "max2"), UPass("max3", "max3"))


class NeRDRain(nn.Module):
    """Input and output: (N, 3, H, W) float32 RGB in [0, 1], any size; the output is not clipped.

    The images of the coarser scales and one reduction, which are only trained or not used at all, are left out.
    """

    def __init__(self) -> None:
        super().__init__()
        for scale in ("small", "mid", "max"):
            self.add_module(f"patch_embed_{scale}", PatchEmbedding(WIDTH))
        for at in (SMALL, *MIDDLE, *LARGE):
            self._add_pass(at)
        self.INR, self.INR2 = ImplicitPicture(), ImplicitPicture()
        self.output_mid_context, self.output_max_context1, self.output_max_context2 = (
            conv(WIDTH, WIDTH) for _ in range(3)
        )
        self.output_max = conv(WIDTH, 3)
        self.BF1, self.BF2, self.BF3 = (Fusion(4 * WIDTH) for _ in range(3))
        self.upsmall2mid1, self.upmid2max1 = Upsample(4 * WIDTH), Upsample(4 * WIDTH)
        self.upsmall2mid2, self.upmid2max2 = Upsample(2 * WIDTH), Upsample(2 * WIDTH)

    def forward(self, rainy: Tensor) -> Tensor:
        """Return the clean image, window by window; the last of a row or column overlaps the one before."""
        height, width = rainy.shape[2:]
        restored = torch.empty_like(rainy)
        for top in range(0, height, WINDOW):
            bottom = min(top + WINDOW, height)
            first = max(bottom - WINDOW, 0)
            for left in range(0, width, WINDOW):
                right = min(left + WINDOW, width)
                start = max(right - WINDOW, 0)
                window = self.restore_window(rainy[:, :, first:bottom, start:right])
                restored[:, :, top:bottom, left:right] = window[:, :, top - first :, left - start :]
        return restored

    def restore_window(self, rainy: Tensor) -> Tensor:
        """(N, 3, H, W) to the same, filled up to multiples of 16 with its last row and column."""
        height, width = rainy.shape[2:]
        rainy = functional.pad(rainy, (0, -width % 16, 0, -height % 16), mode="replicate")
        half, quarter = _nearest(rainy, 0.5), _nearest(rainy, 0.25)
        small = self._down(self.get_submodule("patch_embed_small")(quarter), SMALL)
        guess = self.INR(self.upsmall2mid2(self.upsmall2mid1(small[2]))) + quarter
        middle_image = half + _nearest(guess, 2)
        middle = self._down(self.get_submodule("patch_embed_mid")(middle_image), MIDDLE[0])
        guess = self.INR2(self.upmid2max2(self.upmid2max1(middle[2]))) + middle_image
        first = self._down(self.get_submodule("patch_embed_max")(rainy + _nearest(guess, 2)), LARGE[0])
        second = self._down(self.output_max_context1(self._up(first, LARGE[0])), LARGE[1])
        third = self._down(self.output_max_context2(self._up(second, LARGE[1])), LARGE[2])

        helped = _helped(middle, self.BF1(first[2], second[2]))
        middle_again = self._down(self.output_mid_context(self._up(helped, MIDDLE[0])), MIDDLE[1])
        small_features = self._up(_helped(small, self.BF3(middle[2], middle_again[2])), SMALL)
        helped = _helped(middle_again, self.BF2(second[2], third[2]))
        middle_features = self._up(helped, MIDDLE[1]) + _nearest(small_features, 2)
        # The authors' code gives the third pass the last reduction of the second.
        features = self._up(third, LARGE[2], reduction=LARGE[1]) + _nearest(middle_features, 2)
        restored: Tensor = self.output_max(features) + rainy
        return restored[:, :, :height, :width]

    def _add_pass(self, at: UPass) -> None:
        one, two, four = WIDTH, 2 * WIDTH, 4 * WIDTH
        for name, channels, level in (
            ("encoder_level1", one, 0), ("encoder_level2", two, 1), ("latent", four, 2),
            ("decoder_level2", two, 1), ("decoder_level1", one, 0),
        ):  # fmt: skip
            blocks = (_block(channels, HEADS[level]) for _ in range(BLOCKS[level]))
            self.add_module(f"{name}_{at.blocks}", nn.Sequential(*blocks))
        self.add_module(f"down1_2_{at.steps}", Downsample(one))
        self.add_module(f"down2_3_{at.steps}", Downsample(two))
        self.add_module(f"up3_2_{at.steps}", Upsample(four))
        self.add_module(f"up2_1_{at.steps}", Upsample(two))
        self.add_module(f"reduce_chan_level2_{at.blocks}", conv(four, two, 1))
        if at is not LARGE[2]:
            self.add_module(f"reduce_chan_level1_{at.blocks}", conv(two, one, 1))

    def _down(self, x: Tensor, at: UPass) -> Levels:
        part = self.get_submodule
        first = part(f"encoder_level1_{at.blocks}")(x)
        second = part(f"encoder_level2_{at.blocks}")(part(f"down1_2_{at.steps}")(first))
        return first, second, part(f"latent_{at.blocks}")(part(f"down2_3_{at.steps}")(second))

    def _up(self, levels: Levels, at: UPass, reduction: UPass | None = None) -> Tensor:
        part = self.get_submodule
        x = torch.cat([part(f"up3_2_{at.steps}")(levels[2]), levels[1]], dim=1)
        x = part(f"decoder_level2_{at.blocks}")(part(f"reduce_chan_level2_{at.blocks}")(x))
        x = torch.cat([part(f"up2_1_{at.steps}")(x), levels[0]], dim=1)
        y: Tensor = part(f"decoder_level1_{at.blocks}")(part(f"reduce_chan_level1_{(reduction or at).blocks}")(x))
        return y


class Named(nn.Module):
    """A convolution under the name that it has in the published file."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.main = nn.Sequential(depthwise(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        y: Tensor = self.main(x)
        return y


def _block(channels: int, heads: int) -> TransformerBlock:
    block = TransformerBlock(channels, heads)
    block.attn.qkv_dwconv = Named(3 * channels)
    block.ffn.dwconv = Named(2 * int(channels * EXPANSION))
    return block


class ImplicitPicture(nn.Module):
    """An image spelled out of features by a small network at every pixel.

    Its inputs are the features of 3x3 pixels, a position, and a pixel's size. The authors' code subtracts the grid of
    positions from itself, so that the position is always 0 in all its 18 numbers, and the size always 2.
    """

    def __init__(self) -> None:
        super().__init__()
        sizes = (9 * WIDTH + NOUGHTS + TWOS, HIDDEN, HIDDEN, HIDDEN)
        layers = [layer for pair in pairwise(sizes) for layer in (nn.Linear(*pair), nn.ReLU())]
        self.imnet = nn.ModuleDict({"layers": nn.Sequential(*layers, nn.Linear(HIDDEN, 3))})

    def forward(self, x: Tensor) -> Tensor:
        """(N, 32, H, W) to (N, 3, H, W)."""
        batch, _, height, width = x.shape
        near = functional.unfold(x, 3, padding=1).transpose(1, 2)
        position, size = near.new_zeros(*near.shape[:2], NOUGHTS), near.new_full((*near.shape[:2], TWOS), 2.0)
        colours: Tensor = self.imnet["layers"](torch.cat([near, position, size], dim=2))
        return colours.transpose(1, 2).reshape(batch, 3, height, width)


class Fusion(nn.Module):
    """Two passes' features, each weighed with what both have in common."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query_conv, self.key_conv = (conv(channels, channels, biased=True) for _ in range(2))
        self.gamma1, self.gamma2 = (conv(2 * channels, 2, biased=True) for _ in range(2))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Two of (N, C, H, W) to one."""
        common = steady_sigmoid(self.query_conv(x) * self.key_conv(y))
        return _weighed(x, x * common, self.gamma1) + _weighed(y, y * common, self.gamma2)


def _weighed(x: Tensor, attended: Tensor, gamma: nn.Conv2d) -> Tensor:
    own, others = gamma(torch.cat([x, attended], dim=1)).chunk(2, dim=1)
    y: Tensor = x * own + attended * others
    return y


def _helped(levels: Levels, by: Tensor) -> Levels:
    """Add features of the next finer scale to the coarsest level."""
    return levels[0], levels[1], levels[2] + _nearest(by, 0.5)


def _nearest(x: Tensor, factor: float) -> Tensor:
    return functional.interpolate(x, scale_factor=factor)


def nerd_rain_s(options: Options) -> TorchDerainer:
    """NeRD-Rain-S with the authors' weights, trained on Rain200H.

    Raises:
        UserError: The weights are not here; the message says where they are.
    """
    torch_device_ready(options)
    network = NeRDRain()
    load_imported(network, "nerd-rain-s", options, part="state_dict", unknown_allowed=True)
    return TorchDerainer(network, Traits(batchable=False, quantisation="round"), options)
