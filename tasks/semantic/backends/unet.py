"""Build the small U-Net of the drawn streets: segmentation-models-pytorch's, on a narrow ResNet."""

from __future__ import annotations

from typing import Any

from bench.errors import missing_extra
from tasks.models.small_encoder import ENCODER, ENCODER_WIDTHS

_WIDTHS = (64, 48, 32, 24)


def build_unet(classes: int) -> Any:  # noqa: ANN401  a torch module; torch is late
    """Build the network with random weights from torch's global generator.

    It maps normalised RGB (B, 3, H, W), sides multiples of 32, to class scores (B, classes, H, W).

    Args:
        classes: Outputs.

    Raises:
        MissingExtraError: segmentation-models-pytorch is not installed.
    """
    try:
        import segmentation_models_pytorch as smp
    except ImportError as error:
        raise missing_extra(error, "segmentation-models-pytorch", "torch", "semantic segmentation by smp") from error
    from torch import nn

    widths = (*_WIDTHS, _WIDTHS[-1])
    network = smp.create_model(
        "unet",
        encoder_name=ENCODER,
        encoder_weights=None,
        channels=ENCODER_WIDTHS,
        decoder_channels=widths,
        classes=4 * classes,
    )
    # smp's last block works at full size and costs as much as all others together. Instead, the scores of four
    # pixels are channels at half the size (Shi et al., CVPR 2016, section 3.2).
    del network.decoder.blocks[-1]
    network.segmentation_head = nn.Sequential(network.segmentation_head[0], nn.PixelShuffle(2))
    return network
