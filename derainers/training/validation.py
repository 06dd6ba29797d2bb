"""Restore whole images while a network is trained, and measure PSNR on held-out pairs."""

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
    values = [psnr_of(restored_by(network, trainee, rainy), clean) for rainy, clean in pairs]
    return float(np.mean(values)) if values else float("nan")


def restored_by(network: nn.Module, trainee: TrainableDerainer, rainy: Image) -> Image:
    """Restore one whole image (H, W, 3) with the weights that a network in training has now.

    Args:
        network: The network, as it is trained; it computes as for validation from now on.
        trainee: Order and range of its pixels.
        rainy: The image, uint8 RGB of any size.
    """
    network.eval()
    device = next(network.parameters()).device
    padded = pad_to_multiple(rainy[None].copy(), 4)  # a tensor has to be of memory that may be written to
    with torch.inference_mode():
        restored = network(to_tensor(padded, device, trainee.order, trainee.value_range))
    whole: Image = to_images(restored, trainee.order, trainee.value_range, rounded=True)[0]
    return whole[: rainy.shape[0], : rainy.shape[1]]


def psnr_of(image: Image, clean: Image) -> float:
    """Compute the PSNR in dB of one uint8 image (H, W, 3) against its clean one; infinite if they are equal."""
    error = float(np.mean((image.astype(np.float64) - clean) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255.0**2 / error))
