"""BRN: two recurrent branches, for the rain and for the image, that read each other's state.

Ren et al., "Single image deraining via bilateral recurrent network", TIP 2020 (by the authors of PReNet).
"""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

from bench.contract import Options, Traits
from bench.devices import torch_device_ready
from bench.errors import UserError
from bench.io.checkpoints import load_state
from derainers.networks.prenet.prenet import CHANNELS, conv3x3, residual_branch
from derainers.torch_derainer import TorchDerainer, steady_sigmoid
from derainers.weights import read_official

STAGES = 8
RAIN_RESIDUALS = 3
IMAGE_RESIDUALS = 5
REACH = STAGES * (3 * 2 + 2 * (RAIN_RESIDUALS + IMAGE_RESIDUALS))
"""3x3 convolutions between a pixel and the farthest that it depends on."""
GATES = "fiog"  # forget, input, output, candidate: the order of the fused convolution

BranchState = tuple[Tensor, Tensor]
"""Hidden state and cell, each (N, 32, H, W)."""


class BRN(nn.Module):
    """The network: estimates rain and image in turns; every branch's gates read both hidden states.

    Input and output: (N, 3, H, W) float32 RGB in [0, 1], any size; the output is not clipped.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rain = RecurrentBranch(6, RAIN_RESIDUALS)
        self.image = RecurrentBranch(9, IMAGE_RESIDUALS)

    def forward(self, rainy: Tensor) -> Tensor:
        """Return the last stage's clean image."""
        zero = rainy.new_zeros(rainy.shape[0], CHANNELS, *rainy.shape[2:])
        rain_state: BranchState = (zero, zero)
        image_state: BranchState = (zero, zero)
        rain = image = rainy
        for _ in range(STAGES):
            rain, rain_state = self.rain(torch.cat([rainy, rain], dim=1), rain_state, image_state[0])
            image, image_state = self.image(torch.cat([rainy, image, rain], dim=1), image_state, rain_state[0])
        return image


class RecurrentBranch(nn.Module):
    """ConvLSTM and residual branches; its four gates are one convolution."""

    def __init__(self, channels_in: int, residuals: int) -> None:
        super().__init__()
        self.conv0 = conv3x3(channels_in, CHANNELS)
        self.gates = conv3x3(3 * CHANNELS, len(GATES) * CHANNELS)
        self.residuals = nn.ModuleList(residual_branch() for _ in range(residuals))
        self.conv = conv3x3(CHANNELS, 3)

    def forward(self, x: Tensor, state: BranchState, other_hidden: Tensor) -> tuple[Tensor, BranchState]:
        """Map (N, in, H, W) to the estimate (N, 3, H, W) and the next state."""
        hidden, cell = state
        z = self.gates(torch.cat([torch.relu(self.conv0(x)), hidden, other_hidden], dim=1))
        keep, write, output = steady_sigmoid(z[:, : 3 * CHANNELS]).chunk(3, dim=1)
        cell = keep * cell + write * torch.tanh(z[:, 3 * CHANNELS :])
        y = hidden = output * torch.tanh(cell)
        for residual in self.residuals:
            y = torch.relu(residual(y) + y)
        return self.conv(y), (hidden, cell)


def state_from_official(state: dict[str, object], origin: str) -> dict[str, object]:
    """Rename official tensors to ours, fuse the gates, and drop the two rain residuals that are never used.

    Raises:
        UserError: A gate is missing or no tensor.
    """
    ours: dict[str, object] = {}
    gates: dict[str, Tensor] = {}
    for key, value in state.items():
        match = re.fullmatch(r"(?:module\.)?(\w+?)(_r)?\.(\d)\.(weight|bias)", key)
        if match is None or not isinstance(value, Tensor):
            raise UserError(f"{origin}: {key!r} is no tensor of BRN; the file belongs to another network")
        layer, is_rain, place, part = match.groups()
        branch = "rain" if is_rain else "image"
        if layer.startswith("res_conv"):
            number = int(layer.removeprefix("res_conv")) - 1
            if not (is_rain and number >= RAIN_RESIDUALS):
                ours[f"{branch}.residuals.{number}.{place}.{part}"] = value
        elif layer.startswith("conv_"):
            gates[f"{branch}.{part}.{layer[-1]}"] = value
        else:
            ours[f"{branch}.{layer}.{part}"] = value
    for branch in ("rain", "image"):
        for part in ("weight", "bias"):
            missing = [gate for gate in GATES if f"{branch}.{part}.{gate}" not in gates]
            if missing:
                raise UserError(
                    f"{origin}: lacks the gate 'conv_{missing[0]}' of the {branch} branch; it is of another network"
                )
            ours[f"{branch}.gates.{part}"] = torch.cat([gates[f"{branch}.{part}.{gate}"] for gate in GATES])
    return ours


def restorer(name: str, options: Options) -> TorchDerainer:
    """Build one BRN with published weights as a derainer; ``name`` is a BRN row of ``weights.csv``.

    Raises:
        UserError: The weights cannot be had.
    """
    torch_device_ready(options)
    network = BRN()
    state, origin = read_official(
        name, options, [f"conv_{gate}{branch}.0.weight" for gate in GATES for branch in ("", "_r")]
    )
    load_state(network, state_from_official(state, origin), origin)
    return TorchDerainer(network, Traits(tileable=True, quantisation="trunc"), options, reach=REACH)


def brn(options: Options) -> TorchDerainer:
    """Build BRN with the weights that its authors chose for foreign rain."""
    return restorer("brn", options)


def brn_rain100h(options: Options) -> TorchDerainer:
    """Build BRN trained on Rain100H: heavy streaks of five directions."""
    return restorer("brn-rain100h", options)
