"""The numbers that tell the members of MSPFN's family apart, known without importing PyTorch.

Jiang et al., "Multi-scale progressive fusion network for single image deraining", CVPR 2020.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Design:
    """The numbers that make one MSPFN. Triples are for quarter, half and full resolution.

    Attributes:
        modules: M, the number of fine fusion modules; 0 leaves fine fusion out.
        attention: N, channel attention blocks in each U-shaped residual attention block.
        channels: Width of nearly everything.
        memory: Hidden channels of the ConvLSTM cells.
        narrow: Channels at the cells' input and before the last convolution.
        strides: Strided stages in each U-shaped block.
        coarse_fusion: False takes the first features as they are.
        pyramid: False leaves out the half and the quarter resolution (:mod:`derainers.networks.mspfn.single_scale`).
    """

    modules: int = 17
    attention: tuple[int, int, int] = (1, 1, 1)
    channels: int = 64
    memory: tuple[int, int, int] = (64, 128, 256)
    narrow: int = 32
    strides: int = 1
    coarse_fusion: bool = True
    pyramid: bool = True


FULL = Design()
LIGHT = Design(modules=5, channels=32, memory=(32, 32, 32), strides=2)
"""MSPFN*: published in one sentence only. A reconstruction, within 1 % of the paper's 1.65 M parameters."""

COUNTED_MEMORY = (32, 64, 128)
"""The ConvLSTM widths with which the paper's table of designs was evidently counted; the released code has twice."""

DESIGNS = {
    "mspfn": FULL,
    "mspfn-m30n1": Design(modules=30, memory=COUNTED_MEMORY),
    "mspfn-m17n2": Design(modules=17, attention=(2, 2, 2), memory=COUNTED_MEMORY),
    "mspfn-m13n2": Design(modules=13, attention=(2, 2, 2), memory=COUNTED_MEMORY),
    "mspfn-m10n3": Design(modules=10, attention=(3, 3, 3), memory=COUNTED_MEMORY),
    "mspfn-m8n5": Design(modules=8, attention=(5, 5, 5), memory=COUNTED_MEMORY),
    "mspfn-m6n3": Design(modules=6, attention=(3, 3, 3), memory=COUNTED_MEMORY),
    "mspfn-single-scale": Design(pyramid=False),
    "mspfn-without-cfm": Design(coarse_fusion=False),
    "mspfn-without-ffm": Design(modules=0),
    "mspfn-light": LIGHT,
}
"""Members of the family by name: the released network, the paper's designs and ablations, and the light one.

Registered derainers and trainable networks are made from these names. A new member is a line here, a row of
``unpinned.csv`` and a count of ``facts.csv`` (``python -m derainers.facts``). The ablation with "the fusion of [8]" is
missing: the paper does not say how that fusion was fitted into MSPFN, and its code was not released.
"""
