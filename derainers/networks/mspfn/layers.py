"""The layers of MSPFN, with TensorFlow's geometry: ``SAME`` padding depends on whether a size is even."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from derainers.torch_derainer import steady_sigmoid

AT_ONCE = 64  # hidden channels whose gates are in memory at the same time


class ConvPReLU(nn.Module):
    """3x3 convolution without bias that keeps the size, and its PReLU.

    The official code uses stride-1 *transposed* convolutions here. They are the same operation with the
    kernel turned by 180 degrees and its channel axes swapped, which the import of a checkpoint undoes.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1, bias=False)
        self.act = prelu(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, out, H, W)."""
        y: Tensor = self.act(self.conv(x))
        return y


class Down(nn.Module):
    """3x3 convolution with stride 2 and its PReLU: height and width become half, rounded up.

    TensorFlow pads an even size at the end only, an odd size on both sides.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel_size=3, stride=2, bias=False)
        self.act = prelu(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, out, ceil(H / 2), ceil(W / 2))."""
        top, left = x.shape[2] % 2, x.shape[3] % 2
        y: Tensor = self.act(self.conv(functional.pad(x, (left, 1, top, 1))))
        return y


class Up(nn.Module):
    """3x3 transposed convolution with stride 2 and its PReLU, to a given size: the adjoint of :class:`Down`."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(channels_in, channels_out, kernel_size=3, stride=2, bias=False)
        self.act = prelu(channels_out)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Map (N, in, ceil(H / 2), ceil(W / 2)) to (N, out, H, W) with ``size = (H, W)``."""
        height, width = size
        top, left = height % 2, width % 2
        y: Tensor = self.act(self.conv(x)[:, :, top : top + height, left : left + width])
        return y


class ResidualChannelAttention(nn.Module):
    """Residual channel attention block ("CAU" in the paper), reduction 4."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, kernel_size=3, padding=1)
        self.act = prelu(channels)
        self.conv2 = nn.Conv2d(channels, channels, kernel_size=3, padding=1)
        self.squeeze = nn.Conv2d(channels, channels // 4, kernel_size=1)
        self.squeeze_act = prelu(channels // 4)
        self.excite = nn.Conv2d(channels // 4, channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        features = self.conv2(self.act(self.conv1(x)))
        pooled = features.mean(dim=(2, 3), keepdim=True)
        attention = steady_sigmoid(self.excite(self.squeeze_act(self.squeeze(pooled))))
        return torch.addcmul(x, features, attention)


class FirstStepConvLSTM(nn.Module):
    """The first step of a ConvLSTM cell, from zero state.

    With a zero state, the hidden half of the convolution and the forget gate multiply zeros; they are left
    out. The gates here are input, candidate and output.
    """

    def __init__(self, channels_in: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.gates = nn.Conv2d(channels_in, 3 * hidden, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W) to the hidden state (N, hidden, H, W)."""
        return torch.cat([self._some(x, first) for first in range(0, self.hidden, AT_ONCE)], dim=1)

    def _some(self, x: Tensor, first: int) -> Tensor:
        """Compute a few hidden channels from their own gates: all gates of a large photograph would fill gigabytes."""
        some = slice(first, min(first + AT_ONCE, self.hidden))
        weight, bias = self.gates.weight, self.gates.bias
        assert bias is not None  # noqa: S101  (made with one above)
        kernels = weight.reshape(3, self.hidden, *weight.shape[1:])[:, some].flatten(0, 1)
        z = functional.conv2d(x, kernels, bias.reshape(3, self.hidden)[:, some].flatten(), padding=1)
        write, candidate, output = z.chunk(3, dim=1)
        return torch.tanh(steady_sigmoid(write) * torch.tanh(candidate)) * steady_sigmoid(output)


class FullConvLSTM(nn.Module):
    """A ConvLSTM cell's first step computed in full, as the official graph does: for comparison only.

    The gates are input, candidate, forget (with 1 added) and output.
    """

    def __init__(self, channels_in: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.gates = nn.Conv2d(channels_in + hidden, 4 * hidden, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W) to the hidden state (N, hidden, H, W)."""
        state = cell = x.new_zeros(x.shape[0], self.hidden, *x.shape[2:])
        write, candidate, forget, output = self.gates(torch.cat([x, state], dim=1)).chunk(4, dim=1)
        cell = cell * steady_sigmoid(forget + 1.0) + steady_sigmoid(write) * torch.tanh(candidate)
        return torch.tanh(cell) * steady_sigmoid(output)


def prelu(channels: int) -> nn.PReLU:
    """Make a PReLU with one slope a channel; it starts as a ReLU."""
    return nn.PReLU(channels, init=0.0)
