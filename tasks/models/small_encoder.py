"""The encoder of the small task models: a narrow ResNet-10. Its plain convolutions suit CPUs."""

ENCODER = "tu-resnet10t"
"""segmentation-models-pytorch's name of it; ``tu`` are the encoders of timm."""

ENCODER_WIDTHS = (32, 64, 128, 256)
"""Channels of its stages, half the usual; an argument ``channels`` of timm's."""
