"""MSPFN: multi-scale progressive fusion, in all its sizes from one parametric module.

Jiang et al., "Multi-scale progressive fusion network for single image deraining", CVPR 2020. Where paper and
released code differ, the released code (``TEST_MSPFN_M17N1.py``) is followed, since the public checkpoint
belongs to it: box-filter pyramid, ConvLSTM cells called once from zero state, widths 64, 128 and 256.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from derainers.networks.mspfn.designs import FULL, Design
from derainers.networks.mspfn.layers import (
    ConvPReLU,
    Down,
    FirstStepConvLSTM,
    FullConvLSTM,
    ResidualChannelAttention,
    Up,
)

ThreeScales = tuple[Tensor, Tensor, Tensor]
"""Features at a quarter, a half and the full resolution, in this order."""


class MSPFN(nn.Module):
    """The network: estimates the rain at three scales and subtracts it.

    Input and output: (N, 3, H, W) float32 **BGR** in [-1, 1], H and W multiples of 4; the output is not clipped.

    Args:
        design: Numbers of the member of the family.
        in_full: True computes the ConvLSTM cells with the parts that multiply zeros.
    """

    def __init__(self, design: Design = FULL, in_full: bool = False) -> None:
        super().__init__()
        width = design.channels
        self.stems = nn.ModuleList(ConvPReLU(3, width) for _ in range(3))
        self.coarse = CoarseFusion(design, in_full) if design.coarse_fusion else None
        self.fine = nn.ModuleList(FineFusion(design) for _ in range(design.modules))
        self.merge = nn.ModuleList(ConvPReLU(2 * width, width) for _ in range(3))
        self.up_quarter = Up(width, width)
        self.up_half = Up(2 * width, width)
        self.narrow = ConvPReLU(2 * width, design.narrow)
        self.last = nn.Conv2d(design.narrow, 3, kernel_size=3, padding=1, bias=False)

    def forward(self, rainy: Tensor) -> Tensor:
        """Return the derained image."""
        return rainy - self.rain(rainy)

    def rain(self, rainy: Tensor) -> Tensor:
        """Return the rain (N, 3, H, W) that is subtracted."""
        quarter, half, full = self.stems
        start = (quarter(functional.avg_pool2d(rainy, 4)), half(functional.avg_pool2d(rainy, 2)), full(rainy))
        coarse: ThreeScales = self.coarse(start) if self.coarse is not None else start
        fine = coarse
        for module in self.fine:
            fine = module(fine)
        merged = [merge(torch.cat(both, dim=1)) for merge, *both in zip(self.merge, fine, coarse, strict=True)]
        up = self.up_quarter(merged[0], size_of(merged[1]))
        up = self.up_half(torch.cat([up, merged[1]], dim=1), size_of(merged[2]))
        rain: Tensor = self.last(self.narrow(torch.cat([merged[2], up], dim=1)))
        return rain


class CoarseFusion(nn.Module):
    """Coarse fusion ("CFM"): a residual recurrent unit per scale, which adds the features of the coarser scales."""

    def __init__(self, design: Design, in_full: bool) -> None:
        super().__init__()
        width, cell = design.channels, FullConvLSTM if in_full else FirstStepConvLSTM
        self.enter = nn.ModuleList(ConvPReLU(width, design.narrow) for _ in range(3))
        self.cells = nn.ModuleList(cell(design.narrow, hidden) for hidden in design.memory)
        self.leave = nn.ModuleList(ConvPReLU(hidden, width) for hidden in design.memory)
        self.up_quarter_half = Up(width, width)
        self.up_quarter_full = Up(width, width)
        self.up_half_full = Up(width, width)

    def forward(self, start: ThreeScales) -> ThreeScales:
        """Add to each scale's features the output of its unit, which reads them and the coarser scales."""
        quarter, half, full = start
        quarter = quarter + self._unit(0, quarter)
        from_quarter = self.up_quarter_half(quarter, size_of(half))
        half = half + self._unit(1, half + from_quarter)
        from_half = self.up_half_full(half, size_of(full))
        from_quarter = self.up_quarter_full(from_quarter, size_of(full))
        full = full + self._unit(2, full + from_half + from_quarter)
        return quarter, half, full

    def _unit(self, scale: int, x: Tensor) -> Tensor:
        y: Tensor = self.leave[scale](self.cells[scale](self.enter[scale](x)))
        return y


class FineFusion(nn.Module):
    """One fine fusion module ("FFM"): a U-shaped attention block per scale, coarse to fine."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        width = design.channels
        self.blocks = nn.ModuleList(AttentionU(width, units, design.strides) for units in design.attention)
        self.up_quarter_half = Up(width, width)
        self.up_quarter_full = Up(width, width)
        self.up_half_full = Up(width, width)

    def forward(self, features: ThreeScales) -> ThreeScales:
        """Refine three scales; each block's result is added to the scale's own features alone."""
        quarter, half, full = features
        quarter = quarter + self.blocks[0](quarter)
        from_quarter = self.up_quarter_half(quarter, size_of(half))
        half = half + self.blocks[1](half + from_quarter)
        from_quarter = self.up_quarter_full(from_quarter, size_of(full))
        from_half = self.up_half_full(half, size_of(full))
        full = full + self.blocks[2](full + from_quarter + from_half)
        return quarter, half, full


class AttentionU(nn.Module):
    """Strided convolution, channel attention, transposed convolution with a skip ("URAB")."""

    def __init__(self, width: int, units: int, strides: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(Down(width, width) for _ in range(strides))
        self.attention = nn.Sequential(*(ResidualChannelAttention(width) for _ in range(units)))
        self.up = nn.ModuleList(Up(2 * width, width) for _ in range(strides))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape, to be added by the caller."""
        sizes, skips = [], []
        for down in self.down:
            sizes.append(size_of(x))
            x = down(x)
            skips.append(x)
        x = self.attention(x)
        for up in self.up:
            x = up(torch.cat([skips.pop(), x], dim=1), sizes.pop())
        return x


def size_of(x: Tensor) -> tuple[int, int]:
    """Return (height, width) of a tensor (N, C, H, W)."""
    return x.shape[2], x.shape[3]
