"""DerainNet: three convolutions that predict the clean detail layer.

Fu et al., "Clearing the skies: a deep network architecture for single-image rain removal", TIP 2017. The
checkpoint is that of the author's TensorFlow version.
"""

from __future__ import annotations

import numpy as np
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

CHANNELS = 512
BORDER = 10  # pixels around the image, mirrored
CROP = 6  # pixels around the network's output that are not the image
RADIUS = 15
SMOOTHING = 1.0
STRIP = 96  # rows computed at a time: 512 channels of a whole photograph would fill gigabytes
_NAMES = {"features": "conv2d", "mix": "conv2d_1", "detail": "conv2d_transpose"}


class DerainNet(nn.Module):
    """The network: base layer plus predicted detail.

    Input and output: (N, 3, H, W) float32 RGB in [0, 1], any size; the output is not clipped.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, CHANNELS, kernel_size=16)
        self.mix = nn.Conv2d(CHANNELS, CHANNELS, kernel_size=1)
        self.detail = nn.ConvTranspose2d(CHANNELS, 3, kernel_size=8)

    def forward(self, rainy: Tensor) -> Tensor:
        """Return the clean image."""
        padded = mirrored(rainy, BORDER)
        base = guided_base(padded, RADIUS, SMOOTHING)
        detail = padded - base
        height, width = rainy.shape[2:]
        strips = [self._strip(detail, top, min(top + STRIP, height), width) for top in range(0, height, STRIP)]
        return base[:, :, BORDER:-BORDER, BORDER:-BORDER] + torch.cat(strips, dim=2)

    def _strip(self, detail: Tensor, top: int, bottom: int, width: int) -> Tensor:
        """Compute rows top to bottom of the clean detail from the rows of the padded detail that they depend on."""
        first = max(top - 1, 0)
        rows = detail[:, :, first : bottom + 2 * BORDER + 1]
        y = self.detail(torch.relu(self.mix(torch.relu(self.features(rows)))))
        strip: Tensor = y[:, :, top + CROP - first : bottom + CROP - first, CROP : CROP + width]
        return strip


def mirrored(x: Tensor, border: int) -> Tensor:
    """Mirror (N, C, H, W) at its edges, the outermost pixel included (NumPy's ``symmetric``)."""
    for axis in (2, 3):
        length = x.shape[axis]
        place = torch.arange(-border, length + border, device=x.device) % (2 * length)
        x = x.index_select(axis, torch.minimum(place, 2 * length - 1 - place))
    return x


def derainnet(options: Options) -> TorchDerainer:
    """Build DerainNet with the author's TensorFlow weights as a derainer.

    Raises:
        UserError: The weights cannot be had.
    """
    torch_device_ready(options)
    network = DerainNet()
    index, data = weights_paths("derainnet", options)
    variables = read_tensorbundle(index, data)
    state: dict[str, object] = {}
    for layer, name in _NAMES.items():
        for part, leaf in (("weight", "kernel"), ("bias", "bias")):
            full_name = f"DerainNet/{name}/{leaf}"
            if full_name not in variables:
                raise UserError(f"{index}: lacks the variable {full_name!r}; it belongs to another network")
            tensor = torch.from_numpy(np.array(variables[full_name], dtype=np.float32))
            state[f"{layer}.{part}"] = tensor.permute(3, 2, 0, 1).contiguous() if part == "weight" else tensor
    load_state(network, state, str(index))
    return TorchDerainer(network, Traits(tileable=True, quantisation="trunc"), options)
