"""SEMI: a residual network on the detail layer, trained on synthetic and real rain.

Wei et al., "Semi-supervised transfer learning for image rain removal", CVPR 2019. The official checkpoint is
TensorFlow's. Batch normalisation uses the statistics of the image at hand, in the tests of its authors, too.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bench.contract import Options, Traits
from bench.devices import torch_device_ready
from bench.errors import UserError
from bench.io.checkpoints import load_state
from derainers.networks.guided_filter import guided_base
from derainers.tensorflow_checkpoint import read_tensorbundle
from derainers.torch_derainer import TorchDerainer
from derainers.weights import weights_paths

LAYERS = 26
CHANNELS = 16
RADIUS = 15
SMOOTHING = 1.0


class Semi(nn.Module):
    """The network: 26 normalised convolutions that turn the detail layer into the negative rain.

    Input and output: (1, 3, H, W) float32 RGB in [0, 1], any size; the output is not clipped.
    """

    def __init__(self) -> None:
        super().__init__()
        widths = (3, *[CHANNELS] * (LAYERS - 1), 3)
        self.convs = nn.ModuleList(
            nn.Conv2d(widths[place], widths[place + 1], kernel_size=3, padding=1) for place in range(LAYERS)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width, track_running_stats=False) for width in widths[1:])

    def forward(self, rainy: Tensor) -> Tensor:
        """Add the negative rain to the input."""
        x = torch.relu(self._layer(0, rainy - guided_base(rainy, RADIUS, SMOOTHING)))
        for place in range(1, LAYERS - 1, 2):
            inner = torch.relu(self._layer(place, x))
            x = x + torch.relu(self._layer(place + 1, inner))
        return rainy + self._layer(LAYERS - 1, x)

    def _layer(self, place: int, x: Tensor) -> Tensor:
        y: Tensor = self.norms[place](self.convs[place](x))
        return y


def state_from_tensorflow(variables: Mapping[str, npt.NDArray[np.generic]], origin: str) -> dict[str, object]:
    """Pick the test tower's variables; those of the second training tower and the optimiser are left.

    Raises:
        UserError: A variable is missing.
    """
    state: dict[str, object] = {}
    for number in range(1, LAYERS + 1):
        for kind, key in (("weights", "convs.{}.weight"), ("biases", "convs.{}.bias"), ("scale", "norms.{}.weight"),
                          ("beta", "norms.{}.bias")):  # fmt: skip
            name = f"conv_{number}/{kind}_{number}"
            if name not in variables:
                raise UserError(f"{origin}: lacks the variable {name!r}; it belongs to another network")
            tensor = torch.from_numpy(np.array(variables[name], dtype=np.float32))
            state[key.format(number - 1)] = tensor.permute(3, 2, 0, 1).contiguous() if kind == "weights" else tensor
    return state


def semi(options: Options) -> TorchDerainer:
    """Build SEMI with the authors' weights as a derainer.

    Raises:
        UserError: The weights cannot be had.
    """
    torch_device_ready(options)
    network = Semi()
    index, data = weights_paths("semi", options)
    load_state(network, state_from_tensorflow(read_tensorbundle(index, data), str(index)), str(index))
    return TorchDerainer(network, Traits(batchable=False, quantisation="trunc"), options)
