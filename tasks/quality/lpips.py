"""Compute LPIPS (Zhang et al., CVPR 2018), version 0.1 on AlexNet; 0 for equal images, lower is better."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract import Image, Options
from bench.devices import torch_for
from bench.errors import UserError
from bench.io.checkpoints import load_state, read_checkpoint
from bench.io.weights import locate_weights
from tasks.models.checkpoints import published_weights
from tasks.models.torchvision import find_torchvision, torchvision_state

LEAST_SIDE = 63
"""Below this AlexNet has no pixel left for its last layers."""
_LAYERS = (1, 4, 7, 9, 11)
"""The rectified layers of AlexNet's features."""
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
_TINY = 1e-10


@dataclass(frozen=True)
class Lpips:
    """LPIPS with its weights loaded: a function of two images.

    Attributes:
        features: AlexNet's convolutional layers, in evaluation mode.
        weights: Of each of the five layers' channels, (1, C, 1, 1).
        device: Where both are.
    """

    features: Any
    weights: tuple[Any, ...]
    device: str

    def __call__(self, image: Image, clean: Image) -> float:
        """Compute the distance of two (H, W, 3) images; both sides have at least 63 pixels."""
        import torch

        total = 0.0
        with torch.inference_mode():
            x = self._input(np.stack([image, clean]))
            for number, layer in enumerate(self.features):
                x = layer(x)
                if number in _LAYERS:
                    unit = x / (x.square().sum(dim=1, keepdim=True).sqrt() + _TINY)
                    difference = (unit[:1] - unit[1:]).square() * self.weights[_LAYERS.index(number)]
                    total += float(difference.sum(dim=1).mean())
        return total

    def _input(self, images: Image) -> Any:  # noqa: ANN401  a tensor; torch is imported late
        import torch

        pixels = torch.from_numpy(images.astype(np.float32)).permute(0, 3, 1, 2).to(self.device) / 127.5 - 1
        shift, scale = (torch.tensor(values, device=self.device).view(1, 3, 1, 1) for values in (_SHIFT, _SCALE))
        return (pixels - shift) / scale


def lpips_digests() -> tuple[str, str]:
    """List the digests of both files: the layers' weights, and the beginning of AlexNet's."""
    return published_weights()["lpips"][0].sha256, find_torchvision("alexnet", ("features",), "quality").digest


def load_lpips(options: Options) -> Lpips:
    """Load AlexNet's published weights (torchvision) and those of the layers (the authors').

    Raises:
        MissingExtraError: PyTorch or torchvision is not installed.
        UserError: A file cannot be had.
    """
    torch_for(options, "LPIPS")
    weights = read_layer_weights(locate_weights(published_weights()["lpips"][0], options))
    checkpoint = find_torchvision("alexnet", ("features",), "quality")
    state = torchvision_state(checkpoint, options)
    from torchvision.models import get_model

    network = get_model("alexnet", weights=None)
    load_state(network, state, checkpoint.label)
    on_device = tuple(weight.to(options.device) for weight in weights)
    return Lpips(network.features.eval().to(options.device), on_device, options.device)


def read_layer_weights(path: Path) -> tuple[Any, ...]:
    """Read the authors' file of the five layers' weights.

    Raises:
        UserError: It is another file.
    """
    content = read_checkpoint(path)
    try:
        return tuple(content[f"lin{number}.model.1.weight"] for number in range(len(_LAYERS)))
    except KeyError as error:
        raise UserError(f"{path}: lacks {error}; expected the file alex.pth of LPIPS 0.1") from error
