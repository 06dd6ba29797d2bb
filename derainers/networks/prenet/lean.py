"""PReNet's forward pass with the work left out that cannot change the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

_ONE_GO = torch._C._has_mkldnn and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
"""What compiled networks call is no promised part of PyTorch, so it may be missing."""


class Recurrent(Protocol):
    """A PReNet as its lean copy reads it: stages, memory (or none), and convolution blocks."""

    stages: int
    memory: bool
    conv0: nn.Sequential
    conv_i: nn.Sequential
    conv_f: nn.Sequential
    conv_g: nn.Sequential
    conv_o: nn.Sequential
    conv: nn.Sequential

    def residual_branches(self) -> tuple[nn.Sequential, ...]:
        """List the blocks of the residual branches, in order."""
        ...


class LeanPReNet(nn.Module):
    """A faster copy of one ``prenet.PReNet``: equal up to float32 rounding; for inference only.

    * The four gates read the same input: one convolution with 128 outputs.
    * Sigmoid is ``tanh(z / 2) / 2 + 1/2``; the inner half is in the weights (a power of two, so exact).
      One tanh over all gates then serves, and its bits do not depend on batch or threads.
    * In the first stage hidden state and cell are zero: half of the gates' input and the forget gate drop out.
    * From the second residual branch on both summands are non-negative, so the ReLU of the sum does nothing.
    * On the CPU a residual branch's convolutions apply their ReLU themselves, which saves a pass over memory.
    * Buffers that are written in place take the place of concatenations; memory is channels-last.

    Args:
        network: PReNet whose weights are copied.
    """

    def __init__(self, network: Recurrent) -> None:
        super().__init__()
        self.stages = network.stages
        self.first = _convolution(network.conv0)
        self.gates = _fused_gates(network) if network.memory else None
        self.first_gates = _gates_without_state(self.gates) if self.gates is not None else None
        branches = network.residual_branches()
        self.inner = nn.ModuleList(_convolution(branch) for branch in branches)
        self.outer = nn.ModuleList(_convolution(branch, 2) for branch in branches)
        self.last = _convolution(network.conv)

    def forward(self, rainy: Tensor) -> Tensor:
        """Map (N, 3, H, W) in [0, 1] to the last stage's estimate of the clean image."""
        pair = torch.cat([rainy, rainy], dim=1).contiguous(memory_format=torch.channels_last)
        estimate = pair[:, 3:]
        remember = self._remembering(pair)
        for _ in range(self.stages):
            torch.add(self.last(self._residual(remember(self.first(pair)))), rainy, out=estimate)
        return estimate

    def _remembering(self, pair: Tensor) -> Callable[[Tensor], Tensor]:
        """Make the part between first convolution and residual branches, with the memory of one image inside."""
        gates, first_gates = self.gates, self.first_gates
        if gates is None or first_gates is None:
            return functional.relu_
        state = self.first.out_channels
        both = _empty_like(pair, 2 * state)
        features, hidden = both[:, :state], both[:, state:]
        cell: Tensor | None = None

        def remember(x: Tensor) -> Tensor:
            nonlocal cell
            torch.clamp_min(x.to(features.dtype), 0, out=features)  # autocast may have narrowed it
            if cell is None:
                z = first_gates(features.contiguous(memory_format=torch.channels_last)).tanh_()
                z[:, : 2 * state].mul_(0.5).add_(0.5)
                write, gate, news = z.split(state, dim=1)
                cell = write * news
            else:
                z = gates(both).tanh_()
                z[:, : 3 * state].mul_(0.5).add_(0.5)
                keep, write, gate, news = z.split(state, dim=1)
                cell.mul_(keep).addcmul_(write, news)
            torch.mul(gate, torch.tanh(cell), out=hidden)
            return hidden.contiguous(memory_format=torch.channels_last)

        return remember

    def _residual(self, x: Tensor) -> Tensor:
        for index, (inner, outer) in enumerate(zip(self.inner, self.outer, strict=True)):
            x = _with_relu(outer, _with_relu(inner, x)).add_(x)
            if index == 0:  # only the hidden state, which the first branch reads, can be negative
                x = functional.relu_(x)
        return x


def _with_relu(layer: nn.Module, x: Tensor) -> Tensor:
    """Apply a convolution and its ReLU, in one go where oneDNN is at hand; the bits are equal."""
    plain = x.device.type != "cpu" or torch.is_autocast_enabled("cpu")
    if plain or not _ONE_GO or not isinstance(layer, nn.Conv2d):
        return functional.relu_(layer(x))
    y: Tensor = torch.ops.mkldnn._convolution_pointwise(
        x, layer.weight, layer.bias, layer.padding, layer.stride, layer.dilation, layer.groups, "relu", [], ""
    )
    return y


def _convolution(block: nn.Sequential, place: int = 0) -> nn.Conv2d:
    layer = block[place]
    assert isinstance(layer, nn.Conv2d)  # noqa: S101  (tells the type checker what a Sequential forgets)
    return layer


def _fused_gates(network: Recurrent) -> nn.Conv2d:
    gates = [_convolution(block) for block in (network.conv_f, network.conv_i, network.conv_o, network.conv_g)]
    state = gates[0].out_channels
    halves = torch.tensor([0.5, 0.5, 0.5, 1.0]).repeat_interleave(state)
    weight = torch.cat([gate.weight for gate in gates]) * halves[:, None, None, None]
    bias = torch.cat([_bias(gate) for gate in gates]) * halves
    return _conv3x3_of(weight, bias)


def _gates_without_state(gates: nn.Conv2d) -> nn.Conv2d:
    state = gates.out_channels // 4
    return _conv3x3_of(gates.weight[state:, : gates.in_channels - state], _bias(gates)[state:])


def _conv3x3_of(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    layer = nn.Conv2d(weight.shape[1], weight.shape[0], kernel_size=3, padding=1)
    layer.load_state_dict({"weight": weight.detach().clone(), "bias": bias.detach().clone()})
    return layer


def _bias(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None  # noqa: S101
    return layer.bias


def _empty_like(x: Tensor, channels: int) -> Tensor:
    batch, _, height, width = x.shape
    return x.new_empty((batch, height, width, channels)).permute(0, 3, 1, 2)
