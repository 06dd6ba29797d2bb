"""Build the small Mask R-CNN of the drawn streets: torchvision's, on a narrow ResNet with a narrow pyramid."""

from __future__ import annotations

from typing import Any

from bench.errors import missing_extra
from tasks.models.small_encoder import ENCODER, ENCODER_WIDTHS

IMAGE_SIDE = 192
"""Shorter side to which images are resized: that of the scenes it is trained on."""
_WIDTH, _BOX_WIDTH = 64, 192
_LEVELS = ("0", "1", "2", "3")
_ANCHORS = ((8,), (16,), (36,), (84,))
_RATIOS = (0.5, 1.0, 2.0)
_COARSE_ROI = 80  # side of objects that are read off the level of stride 16; 224 for photographs of 800 pixels


def build_maskrcnn(classes: int) -> Any:  # noqa: ANN401  a torch module; torch is late
    """Build the network with random weights from torch's global generator; parts as torchvision names them.

    Args:
        classes: Outputs without the background, which is output 0.

    Raises:
        MissingExtraError: segmentation-models-pytorch or torchvision is not installed.
    """
    try:
        from torchvision.models.detection import MaskRCNN
        from torchvision.models.detection.anchor_utils import AnchorGenerator
        from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
        from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
        from torchvision.ops import MultiScaleRoIAlign
    except ImportError as error:
        raise missing_extra(error, "torchvision", "torch", "instance segmentation") from error
    return MaskRCNN(
        _build_pyramid(),
        min_size=IMAGE_SIDE,
        max_size=4 * IMAGE_SIDE,
        rpn_anchor_generator=AnchorGenerator(_ANCHORS, (_RATIOS,) * len(_ANCHORS)),
        rpn_pre_nms_top_n_train=600,
        rpn_post_nms_top_n_train=300,
        rpn_pre_nms_top_n_test=400,
        rpn_post_nms_top_n_test=100,
        rpn_batch_size_per_image=128,
        box_roi_pool=MultiScaleRoIAlign(_LEVELS, 7, 1, canonical_scale=_COARSE_ROI),
        box_head=TwoMLPHead(_WIDTH * 7 * 7, _BOX_WIDTH),
        box_predictor=FastRCNNPredictor(_BOX_WIDTH, classes + 1),
        box_batch_size_per_image=96,
        box_detections_per_img=50,
        mask_roi_pool=MultiScaleRoIAlign(_LEVELS, 14, 1, canonical_scale=_COARSE_ROI),
        mask_head=MaskRCNNHeads(_WIDTH, (_WIDTH, _WIDTH), 1),
        mask_predictor=MaskRCNNPredictor(_WIDTH, _WIDTH, classes + 1),
    )


def _build_pyramid() -> Any:  # noqa: ANN401
    """Build encoder and feature pyramid: images to a dictionary of features at strides 4, 8, 16 and 32."""
    try:
        from segmentation_models_pytorch.encoders import get_encoder
    except ImportError as error:
        raise missing_extra(error, "segmentation-models-pytorch", "torch", "the small Mask R-CNN") from error
    from torch import Tensor, nn
    from torchvision.ops import FeaturePyramidNetwork

    class Pyramid(nn.Module):
        out_channels = _WIDTH

        def __init__(self) -> None:
            super().__init__()
            self.encoder = get_encoder(ENCODER, weights=None, channels=ENCODER_WIDTHS)
            self.pyramid = FeaturePyramidNetwork(self.encoder.out_channels[2:], _WIDTH)

        def forward(self, images: Tensor) -> dict[str, Tensor]:
            found: dict[str, Tensor] = self.pyramid(dict(zip(_LEVELS, self.encoder(images)[2:], strict=True)))
            return found

    return Pyramid()
