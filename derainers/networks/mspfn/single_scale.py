"""MSPFN without its pyramid, for the ablation: the full resolution's branch alone, of the same layers.

The paper names this network and does not describe it. Here it is what is left when everything at the half and
the quarter resolution is taken away.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from derainers.networks.mspfn.designs import Design
from derainers.networks.mspfn.layers import ConvPReLU, FirstStepConvLSTM, FullConvLSTM
from derainers.networks.mspfn.mspfn import MSPFN, AttentionU


class SingleScale(nn.Module):
    """The network: estimates the rain at one scale and subtracts it; input and output as in ``mspfn.MSPFN``.

    Args:
        design: Numbers of the network; of its triples only the last counts, for the full resolution.
        in_full: True computes the ConvLSTM cell with the parts that multiply zeros.
    """

    def __init__(self, design: Design, in_full: bool = False) -> None:
        super().__init__()
        width, hidden = design.channels, design.memory[2]
        self.stem = ConvPReLU(3, width)
        self.enter = ConvPReLU(width, design.narrow)
        self.cell = (FullConvLSTM if in_full else FirstStepConvLSTM)(design.narrow, hidden)
        self.leave = ConvPReLU(hidden, width)
        self.fine = nn.ModuleList(AttentionU(width, design.attention[2], design.strides) for _ in range(design.modules))
        self.merge = ConvPReLU(2 * width, width)
        self.narrow = ConvPReLU(width, design.narrow)
        self.last = nn.Conv2d(design.narrow, 3, kernel_size=3, padding=1, bias=False)

    def forward(self, rainy: Tensor) -> Tensor:
        """Return the derained image."""
        start = self.stem(rainy)
        coarse = start + self.leave(self.cell(self.enter(start)))
        fine = coarse
        for block in self.fine:
            fine = fine + block(fine)
        restored: Tensor = rainy - self.last(self.narrow(self.merge(torch.cat([fine, coarse], dim=1))))
        return restored


def member_of(design: Design, in_full: bool = False) -> MSPFN | SingleScale:
    """Build the network of one design, with random weights."""
    return MSPFN(design, in_full) if design.pyramid else SingleScale(design, in_full)
