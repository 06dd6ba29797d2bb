"""PReNet: a shallow recurrent residual network, unrolled over six stages.

Ren, Zuo, Hu, Zhu and Meng, "Progressive image deraining networks: a better and simpler baseline", CVPR 2019.
The network here has the layout of the official checkpoints; what runs is
:class:`derainers.networks.prenet.lean.LeanPReNet`, the same arithmetic with less work.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from bench.contract import Options, Traits
from bench.devices import torch_device_ready
from bench.io.checkpoints import load_state
from derainers.networks.prenet.designs import PUBLISHED, PReNetDesign
from derainers.networks.prenet.lean import LeanPReNet
from derainers.torch_derainer import TorchDerainer
from derainers.weights import read_official

CHANNELS = 32
PAPER = PReNetDesign()
REACH = PAPER.stages * (1 + 1 + 10 + 1)
"""3x3 convolutions between a pixel and the farthest that it depends on: entry, gates, residuals, exit."""


class PReNet(nn.Module):
    """The network: estimates the clean image anew in every stage, from the rainy image and the last estimate.

    Input and output: (N, 3, H, W) float32 RGB in [0, 1], any size; the output is not clipped.

    Args:
        design: Number of stages, and the parts that are left out; PReNet of the paper if not given.
    """

    def __init__(self, design: PReNetDesign = PAPER) -> None:
        super().__init__()
        self.memory, self.shared, self.stages = design.memory, design.shared, design.stages
        self.conv0 = nn.Sequential(conv3x3(6, CHANNELS), nn.ReLU())
        if design.memory:
            self.conv_i = nn.Sequential(conv3x3(2 * CHANNELS, CHANNELS), nn.Sigmoid())
            self.conv_f = nn.Sequential(conv3x3(2 * CHANNELS, CHANNELS), nn.Sigmoid())
            self.conv_g = nn.Sequential(conv3x3(2 * CHANNELS, CHANNELS), nn.Tanh())
            self.conv_o = nn.Sequential(conv3x3(2 * CHANNELS, CHANNELS), nn.Sigmoid())
        self.res_conv1 = residual_branch()
        if not design.shared:
            self.res_conv2 = residual_branch()
            self.res_conv3 = residual_branch()
            self.res_conv4 = residual_branch()
            self.res_conv5 = residual_branch()
        self.conv = nn.Sequential(conv3x3(CHANNELS, 3))

    def residual_branches(self) -> tuple[nn.Sequential, ...]:
        """List the five residual branches in the order in which they are applied."""
        if self.shared:
            return (self.res_conv1,) * 5
        return (self.res_conv1, self.res_conv2, self.res_conv3, self.res_conv4, self.res_conv5)

    def forward(self, rainy: Tensor) -> Tensor:
        """Return the last stage's estimate."""
        return self.estimates(rainy)[-1]

    def estimates(self, rainy: Tensor) -> list[Tensor]:
        """Return every stage's estimate of the clean image."""
        hidden = cell = rainy.new_zeros(rainy.shape[0], CHANNELS, *rainy.shape[2:])
        estimate, found = rainy, []
        for _ in range(self.stages):
            x = self.conv0(torch.cat([rainy, estimate], dim=1))
            if self.memory:
                both = torch.cat([x, hidden], dim=1)
                cell = self.conv_f(both) * cell + self.conv_i(both) * self.conv_g(both)
                x = hidden = self.conv_o(both) * torch.tanh(cell)
            for branch in self.residual_branches():
                x = torch.relu(branch(x) + x)
            estimate = self.conv(x) + rainy
            found.append(estimate)
        return found


def conv3x3(channels_in: int, channels_out: int) -> nn.Conv2d:
    """Make a 3x3 convolution with bias that keeps the size."""
    return nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1)


def residual_branch() -> nn.Sequential:
    """Make two convolutions, each with its ReLU: the second ReLU comes before the addition, too."""
    return nn.Sequential(conv3x3(CHANNELS, CHANNELS), nn.ReLU(), conv3x3(CHANNELS, CHANNELS), nn.ReLU())


def design_of(names: Collection[str], default: PReNetDesign) -> PReNetDesign:
    """Tell a checkpoint's design by the names of its tensors; the stages, which they do not tell, are the default's."""
    if "res_conv1.0.weight" not in names:
        return default
    return replace(default, memory="conv_i.0.weight" in names, shared="res_conv2.0.weight" not in names)


def published(name: str, options: Options, quantisation: Literal["trunc", "round"] = "trunc") -> TorchDerainer:
    """Build one PReNet with published weights as a derainer.

    Args:
        name: A name of :data:`derainers.networks.prenet.designs.PUBLISHED`, and a row of ``weights.csv``.
        options: Device, precision, and folders of weights.
        quantisation: ``trunc`` as in the official test code, or ``round`` (about 0.04 dB better on Rain100H).

    Raises:
        UserError: The weights cannot be had.
    """
    torch_device_ready(options)
    design = PUBLISHED[name]
    state, origin = read_official(name, options, PReNet(design).state_dict().keys())
    network = PReNet(design_of(state, design))
    load_state(network, state, origin)
    traits = Traits(tileable=True, quantisation=quantisation)
    return TorchDerainer(LeanPReNet(network), traits, options, reach=REACH)
