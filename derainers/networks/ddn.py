"""DDN: a deep residual network on the detail layer.

Fu et al., "Removing rain from single images via a deep detail network", CVPR 2017. The released forward pass is an
obfuscated MATLAB file; this one was recovered from the weights and their normalisation statistics, and is
confirmed by what it does to the authors' own examples, not by comparison with official outputs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.contract import Options, Traits
from bench.devices import torch_device_ready
from bench.errors import UserError
from bench.io.checkpoints import load_state
from derainers.networks.guided_filter import guided_base
from derainers.torch_derainer import TorchDerainer
from derainers.weights import weights_paths

LAYERS = 26
CHANNELS = 16
RADIUS = 16
SMOOTHING = 1.0
SCALE = 255.0  # the network was trained on detail in grey levels


class DDN(nn.Module):
    """The network: 26 convolutions with normalisation before them, except for the first and the last.

    Input and output: (N, 3, H, W) float32 RGB in [0, 1], any size; the output is not clipped.
    """

    def __init__(self) -> None:
        super().__init__()
        widths = (3, *[CHANNELS] * (LAYERS - 1), 3)
        self.convs = nn.ModuleList(
            nn.Conv2d(widths[place], widths[place + 1], kernel_size=3, padding=1) for place in range(LAYERS)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(3 if place == LAYERS - 1 else CHANNELS) for place in range(LAYERS))

    def forward(self, rainy: Tensor) -> Tensor:
        """Add the negative rain to the input."""
        detail = (rainy - guided_base(rainy, RADIUS, SMOOTHING)) * SCALE
        x = torch.relu(self.norms[0](self.convs[0](detail)))
        for place in range(1, LAYERS - 1, 2):
            y = self.convs[place](torch.relu(self.norms[place](x)))
            x = x + self.convs[place + 1](torch.relu(self.norms[place + 1](y)))
        negative: Tensor = self.norms[-1](self.convs[-1](x))
        return rainy + negative / SCALE


def read_network_mat(path: Path) -> dict[str, object]:
    """Read the authors' ``network.mat`` into a state dict of :class:`DDN`.

    Raises:
        UserError: The file is no such MATLAB file.
    """
    from scipy.io import loadmat

    try:
        model = loadmat(path)["model"][0, 0]
        state: dict[str, object] = {}
        for place in range(LAYERS):
            kernel = _array(model["weight"], place)
            kernel = kernel.reshape(*kernel.shape, *[1] * (4 - kernel.ndim))
            state[f"convs.{place}.weight"] = torch.from_numpy(kernel.transpose(3, 2, 1, 0).copy())
            state[f"convs.{place}.bias"] = _vector(model["bias"], place)
            count = _vector(model["BatchNorm_3"], place)
            state[f"norms.{place}.running_mean"] = _vector(model["BatchNorm_1"], place) / count
            state[f"norms.{place}.running_var"] = _vector(model["BatchNorm_2"], place) / count
            state[f"norms.{place}.num_batches_tracked"] = torch.tensor(0)
            state[f"norms.{place}.weight"] = _vector(model["Scale_1"], place)
            state[f"norms.{place}.bias"] = _vector(model["Scale_2"], place)
    except Exception as error:  # scipy's reader has many ways to dislike a file
        raise UserError(f"{path}: not DDN's network.mat ({type(error).__name__}: {error})") from error
    return state


def _array(cells: Any, place: int) -> Any:  # noqa: ANN401  (what a MATLAB struct holds has no type here)
    return np.asarray(cells.ravel()[place], dtype=np.float32)


def _vector(cells: Any, place: int) -> Tensor:  # noqa: ANN401
    return torch.from_numpy(_array(cells, place).ravel().copy())


def ddn(options: Options) -> TorchDerainer:
    """Build DDN with the authors' MATLAB weights as a derainer.

    Raises:
        UserError: The weights cannot be had.
    """
    torch_device_ready(options)
    network = DDN()
    (path,) = weights_paths("ddn", options)
    load_state(network, read_network_mat(path), str(path))
    return TorchDerainer(network, Traits(tileable=True, quantisation="round"), options)
