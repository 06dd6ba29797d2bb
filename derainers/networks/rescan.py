"""RESCAN: rain taken off in four stages by dilated convolutions with memory and channel attention.

Li et al., "Recurrent squeeze-and-excitation context aggregation net for single image deraining", ECCV 2018.
The authors published no weights; these were trained by the authors of PReNet.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.contract import Options, Traits
from bench.devices import torch_device_ready
from derainers.torch_derainer import TorchDerainer, steady_sigmoid
from derainers.weights import load_official

CHANNELS = 24
STAGES = 4
DILATIONS = (1, 1, 2, 4, 8)
BOTTLENECK = 6
SLOPE = 0.2


class Rescan(nn.Module):
    """The network with recurrent unit "GRU"; every stage estimates the whole rain, as the released settings have it.

    Input and output: (N, 3, H, W) float32 **BGR** in [0, 1], any size; the output is not clipped.
    """

    def __init__(self) -> None:
        super().__init__()
        channels_in = (3, *[CHANNELS] * (len(DILATIONS) - 1))
        self.rnns = nn.ModuleList(GatedUnit(*pair) for pair in zip(channels_in, DILATIONS, strict=True))
        self.dec = nn.Sequential(
            nn.Conv2d(CHANNELS, CHANNELS, kernel_size=3, padding=1),
            SqueezeExcite(),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(CHANNELS, 3, kernel_size=1),
        )

    def forward(self, rainy: Tensor) -> Tensor:
        """Subtract the last stage's rain from the input."""
        states: list[Tensor | None] = [None] * len(self.rnns)
        x = rainy
        for _ in range(STAGES):
            for place, unit in enumerate(self.rnns):
                x = states[place] = unit(x, states[place])
            x = rainy - self.dec(x)
        return x


class GatedUnit(nn.Module):
    """Convolutional GRU; what leaves it, after attention and activation, is also its next state."""

    def __init__(self, channels_in: int, dilation: int) -> None:
        super().__init__()
        self.conv_xz = _dilated(channels_in, dilation)
        self.conv_xr = _dilated(channels_in, dilation)
        self.conv_xn = _dilated(channels_in, dilation)
        self.conv_hz = _dilated(CHANNELS, 1)
        self.conv_hr = _dilated(CHANNELS, 1)
        self.conv_hn = _dilated(CHANNELS, 1)
        self.se = SqueezeExcite()

    def forward(self, x: Tensor, state: Tensor | None) -> Tensor:
        """Map (N, in, H, W) and the last state to the next state (N, 24, H, W)."""
        if state is None:  # the reset gate would act on nothing
            state = steady_sigmoid(self.conv_xz(x)) * torch.tanh(self.conv_xn(x))
        else:
            update = steady_sigmoid(self.conv_xz(x) + self.conv_hz(state))
            reset = steady_sigmoid(self.conv_xr(x) + self.conv_hr(state))
            news = torch.tanh(self.conv_xn(x) + self.conv_hn(reset * state))
            state = torch.lerp(state, news, update)
        return functional.leaky_relu(self.se(state), SLOPE)


class SqueezeExcite(nn.Module):
    """Channel attention from global means; the bottleneck is 6 wide, as released (not 24 / 6)."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(CHANNELS, BOTTLENECK), nn.ReLU(), nn.Linear(BOTTLENECK, CHANNELS), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Scale every channel of (N, 24, H, W)."""
        # One image at a time: matrix products may round otherwise in a batch.
        scales = torch.stack([self.fc(pooled) for pooled in x.mean(dim=(2, 3))])
        return x * scales[:, :, None, None]


def _dilated(channels_in: int, dilation: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, CHANNELS, kernel_size=3, padding=dilation, dilation=dilation)


def restorer(name: str, options: Options) -> TorchDerainer:
    """Build one RESCAN with published weights as a derainer; ``name`` is a RESCAN row of ``weights.csv``.

    Raises:
        UserError: The weights cannot be had.
    """
    torch_device_ready(options)
    network = Rescan()
    load_official(network, name, options, part="net")
    return TorchDerainer(network, Traits(quantisation="round"), options, order="bgr")


def rescan(options: Options) -> TorchDerainer:
    """Build RESCAN trained on light rain (Rain200L): the weights its trainers chose for foreign rain."""
    return restorer("rescan", options)


def rescan_rainheavy(options: Options) -> TorchDerainer:
    """Build RESCAN trained on heavy rain (Rain200H)."""
    return restorer("rescan-rainheavy", options)
