"""Histoformer: attention between pixels of like intensity, brought together by sorting; for rain, snow and drops.

Sun et al., "Restoring images in adverse weather conditions via histogram transformer", ECCV 2024.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.contract import Options, Traits
from bench.devices import torch_device_ready
from derainers.networks.u_shaped import Levels, UShaped, conv, depthwise
from derainers.torch_derainer import TorchDerainer
from derainers.weights import load_official

WIDTH = 36
BLOCKS = (4, 4, 6, 8)
REFINEMENT = 4
EXPANSION = 2.667


class Histoformer(UShaped):
    """A U that is also shown the rainy image at each coarser level.

    Input and output: (N, 3, H, W) float32 RGB in [0, 1], H and W multiples of 8; the output is not clipped.
    """

    def __init__(self) -> None:
        super().__init__(WIDTH, BLOCKS, REFINEMENT, HistogramBlock)
        two, four, eight = 2 * WIDTH, 4 * WIDTH, 8 * WIDTH
        self.skip_patch_embed1, self.skip_patch_embed2, self.skip_patch_embed3 = (HalvedImage() for _ in range(3))
        self.reduce_chan_level_1 = conv(two + 3, two, 1)
        self.reduce_chan_level_2 = conv(four + 3, four, 1)
        self.reduce_chan_level_3 = conv(eight + 3, eight, 1)

    def encode(self, rainy: Tensor) -> Levels:
        """(N, 3, H, W) to features of four levels."""
        level1 = self.encoder_level1(self.patch_embed(rainy))
        half = self.skip_patch_embed1(rainy)
        level2 = self.encoder_level2(self.reduce_chan_level_1(torch.cat([self.down1_2(level1), half], dim=1)))
        quarter = self.skip_patch_embed2(half)
        level3 = self.encoder_level3(self.reduce_chan_level_2(torch.cat([self.down2_3(level2), quarter], dim=1)))
        eighth = self.skip_patch_embed3(quarter)
        level4 = self.latent(self.reduce_chan_level_3(torch.cat([self.down3_4(level3), eighth], dim=1)))
        return level1, level2, level3, level4


class HalvedImage(nn.Module):
    """The image at half its size, its channels mixed."""

    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Sequential(nn.AvgPool2d(2), conv(3, 3, 1), depthwise(3))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 3, H / 2, W / 2)."""
        y: Tensor = self.proj(x)
        return y


class HistogramBlock(nn.Module):
    """Histogram attention and a gated feed-forward part, each after a normalisation and with a skip."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.attn_g = HistogramAttention(channels, heads)
        self.ffn = TwoScaleFeedForward(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        x = x + self.attn_g(normalised(x))
        y: Tensor = x + self.ffn(normalised(x))
        return y


class HistogramAttention(nn.Module):
    """Attention over pixels sorted by intensity, twice: between ranges of intensity, and across all of them."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = conv(channels, 5 * channels, 1)
        self.qkv_dwconv = depthwise(5 * channels)
        self.project_out = conv(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        half = x.shape[1] // 2
        by_row, rows = x[:, :half].sort(dim=2, stable=True)
        by_both, columns = by_row.sort(dim=3, stable=True)
        mixed = self.qkv_dwconv(self.qkv(torch.cat([by_both, x[:, half:]], dim=1)))
        query1, key1, query2, key2, value = (part.flatten(2) for part in mixed.chunk(5, dim=1))
        value, order = value.sort(dim=2, stable=True)
        between = self._attend(query1.gather(2, order), key1.gather(2, order), value, ranges=True)
        across = self._attend(query2.gather(2, order), key2.gather(2, order), value, ranges=False)
        product = put_back(between, order, 2) * put_back(across, order, 2)
        y = self.project_out(product.view_as(x))
        first = put_back(put_back(y[:, :half], columns, 3), rows, 2)
        return torch.cat([first, y[:, half:]], dim=1)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, ranges: bool) -> Tensor:
        """Attend between bins of sorted pixels: of neighbours in the order if ``ranges``, else of every n-th pixel."""
        pixels = value.shape[2]
        query, key, value = (self._binned(part, ranges) for part in (query, key, value))
        query, key = functional.normalize(query, dim=-1), functional.normalize(key, dim=-1)
        weights = (query @ key.transpose(-2, -1) * self.temperature).exp()
        weights = weights / (weights.sum(dim=-1, keepdim=True) + 1)
        return self._unbinned(weights @ value, ranges)[:, :, :pixels]

    def _binned(self, x: Tensor, ranges: bool) -> Tensor:
        """(N, C, P) to (N, heads, C / heads * bins, pixels of a bin), with as many bins as heads, zeros at the end."""
        bins = self.heads
        x = functional.pad(x, (0, -x.shape[2] % bins))
        shape = (bins, x.shape[2] // bins) if ranges else (x.shape[2] // bins, bins)
        x = x.reshape(x.shape[0], self.heads, x.shape[1] // self.heads, *shape)
        return (x if ranges else x.transpose(3, 4)).flatten(2, 3)

    def _unbinned(self, x: Tensor, ranges: bool) -> Tensor:
        """Undo :meth:`_binned`, but for the zeros."""
        batch, bins, pixels = x.shape[0], self.heads, x.shape[3]
        x = x.reshape(batch, self.heads, -1, bins, pixels)
        return (x if ranges else x.transpose(3, 4)).reshape(batch, -1, bins * pixels)


class TwoScaleFeedForward(nn.Module):
    """A narrow and a dilated depthwise convolution at twice the resolution; one gates the other."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = int(channels * EXPANSION)
        quarter = hidden // 4
        self.project_in = conv(channels, 2 * hidden, 1)
        self.dwconv_5 = depthwise(quarter, kernel_size=5)
        self.dwconv_dilated2_1 = nn.Conv2d(quarter, quarter, 3, padding=2, dilation=2, groups=quarter, bias=False)
        self.project_out = conv(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        value, gate = functional.pixel_shuffle(self.project_in(x), 2).chunk(2, dim=1)
        gated = steady_mish(self.dwconv_dilated2_1(gate)) * self.dwconv_5(value)
        y: Tensor = self.project_out(functional.pixel_unshuffle(gated, 2))
        return y


def normalised(x: Tensor) -> Tensor:
    """Give the channels of every pixel of (N, C, H, W) mean 0 and deviation 1."""
    centred = x - x.mean(dim=1, keepdim=True)
    return centred / torch.sqrt(x.var(dim=1, keepdim=True, correction=0) + 1e-5)


def put_back(x: Tensor, order: Tensor, axis: int) -> Tensor:
    """Undo a sorting: what came i-th goes where it was taken from."""
    return torch.empty_like(x).scatter(axis, order, x)


def steady_mish(x: Tensor) -> Tensor:
    """Multiply x by tanh(log(1 + exp(x))); PyTorch's own moves its last bit with the number of threads.

    Where pixels are sorted, a last bit can move a pixel.
    """
    grown = x.clamp(max=20.0).exp()  # from 20 on the factor is 1 in float32
    square = grown * (grown + 2)
    return x * (square / (square + 2))


def histoformer(options: Options) -> TorchDerainer:
    """Histoformer with the authors' weights for real scenes, trained on rain, snow and raindrops together.

    Raises:
        UserError: The weights cannot be had.
    """
    torch_device_ready(options)
    network = Histoformer()
    load_official(network, "histoformer", options, part="params")
    return TorchDerainer(network, Traits(batchable=False, multiple_of=8, quantisation="round"), options)
