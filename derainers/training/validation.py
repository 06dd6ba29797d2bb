"""Measure PSNR on held-out pairs while a network is trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from bench.contract import Image
from derainers.pixels import pad_to_multiple
from derainers.torch_derainer import to_images, to_tensor
from derainers.training.crops import ImagePair
from derainers.training.networks import TrainableDerainer


def mean_psnr(network: nn.Module, trainee: TrainableDerainer, pairs: Sequence[ImagePair]) -> float:
    """Average the PSNR in dB (RGB, uint8) of whole restored images; NaN without pairs."""
    network.eval()
    device = next(network.parameters()).device
    values = []
    for rainy, clean in pairs:
        padded = pad_to_multiple(rainy[None], 4)
        with torch.inference_mode():
            restored = network(to_tensor(padded, device, trainee.order, trainee.value_range))
        image = to_images(restored, trainee.order, trainee.value_range, rounded=True)[0]
        values.append(psnr_of(image[: clean.shape[0], : clean.shape[1]], clean))
    return float(np.mean(values)) if values else float("nan")


def psnr_of(image: Image, clean: Image) -> float:
    """Compute the PSNR in dB of one uint8 image (H, W, 3) against its clean one; infinite if they are equal."""
    error = float(np.mean((image.astype(np.float64) - clean) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255.0**2 / error))
