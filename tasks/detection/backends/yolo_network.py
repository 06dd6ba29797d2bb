"""A narrow YOLO: the published YOLOv8 architecture in plain PyTorch.

Written after the architecture as Jocher, Chaurasia and Qiu published it in 2023 (no paper): convolutions with batch
normalisation and SiLU, cross-stage blocks that keep every step (C2f), pooled pyramid (SPPF; He et al., TPAMI 2015),
path aggregation (Liu et al., CVPR 2018), and a decoupled head without anchors that answers distributions over
distances (Li et al., NeurIPS 2020, equation 5). Names and shapes of the tensors are those of ultralytics, so a state
dict fits its ``DetectionModel`` of the same channels, and the other way round; the code is our own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

BINS = 16
"""Distances of a box's sides from its cell are distributions over 0 .. 15 strides."""
_PRIOR_OBJECTS = 5
"""The first scores of a class are as if there were so many objects of all classes in a picture of 640 x 640."""


@dataclass(frozen=True)
class YoloDesign:
    """The numbers from which a YOLO is built.

    Attributes:
        classes: Number of classes.
        channels: After the convolutions of stride 2, 4, 8, 16 and 32.
        repeats: Bottlenecks of the backbone's blocks at strides 4, 8, 16 and 32; the neck's have one each.
    """

    classes: int
    channels: tuple[int, int, int, int, int] = (16, 32, 64, 96, 128)
    repeats: tuple[int, int, int, int] = (1, 1, 1, 1)


class Conv(nn.Module):
    """Convolution, batch normalisation, SiLU."""

    def __init__(self, inner: int, outer: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inner, outer, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outer, eps=1e-3, momentum=0.03)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inner, H, W) to (N, outer, H / stride, W / stride)."""
        return nn.functional.silu(cast(Tensor, self.bn(self.conv(x))))


class Bottleneck(nn.Module):
    """Two 3 x 3 convolutions, with a shortcut in the backbone."""

    def __init__(self, width: int, shortcut: bool) -> None:
        super().__init__()
        self.cv1 = Conv(width, width, 3)
        self.cv2 = Conv(width, width, 3)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inner, H, W) to the same shape."""
        out = cast(Tensor, self.cv2(self.cv1(x)))
        return x + out if self.shortcut else out


class C2f(nn.Module):
    """Cross-stage block: half of the channels pass through bottlenecks; all intermediate features are joined."""

    def __init__(self, inner: int, outer: int, repeats: int, shortcut: bool) -> None:
        super().__init__()
        self.width = outer // 2
        self.cv1 = Conv(inner, 2 * self.width)
        self.cv2 = Conv((2 + repeats) * self.width, outer)
        self.m = nn.ModuleList(Bottleneck(self.width, shortcut) for _ in range(repeats))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inner, H, W) to (N, outer, H, W)."""
        parts = list(torch.split(cast(Tensor, self.cv1(x)), self.width, 1))
        for block in self.m:
            parts.append(block(parts[-1]))
        return cast(Tensor, self.cv2(torch.cat(parts, 1)))


class SPPF(nn.Module):
    """Spatial pyramid pooling: largest values within 5, 9 and 13 cells, joined with the cell's own."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.cv1 = Conv(inner, inner // 2)
        self.cv2 = Conv(inner // 2 * 4, outer)
        self.m = nn.MaxPool2d(5, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inner, H, W) to (N, outer, H, W)."""
        parts = [self.cv1(x)]
        for _ in range(3):
            parts.append(self.m(parts[-1]))
        return cast(Tensor, self.cv2(torch.cat(parts, 1)))


class Expectation(nn.Module):
    """Expected value of a distribution over 0 .. 15, as a fixed convolution, as ultralytics stores it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(BINS, 1, 1, bias=False).requires_grad_(False)
        self.conv.weight.data[:] = torch.arange(BINS, dtype=torch.float32).view(1, BINS, 1, 1)


class Detect(nn.Module):
    """The head: for every cell of three grids a box and a score for each class.

    Its modules ``cv2`` (boxes) and ``cv3`` (classes) share nothing.
    """

    def __init__(self, classes: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        boxes, scores = max(16, channels[0] // 4, 4 * BINS), max(channels[0], min(classes, 100))
        self.cv2 = nn.ModuleList(self._branch(width, boxes, 4 * BINS) for width in channels)
        self.cv3 = nn.ModuleList(self._branch(width, scores, classes) for width in channels)
        self.dfl = Expectation()

    @staticmethod
    def _branch(inner: int, width: int, outer: int) -> nn.Sequential:
        return nn.Sequential(Conv(inner, width, 3), Conv(width, width, 3), nn.Conv2d(width, outer, 1))

    def forward(self, grids: list[Tensor]) -> list[Tensor]:
        """Give for each grid (N, 64 + classes, H, W): logits of the four distributions, then of the classes."""
        return [
            torch.cat((boxes(grid), scores(grid)), 1)
            for grid, boxes, scores in zip(grids, self.cv2, self.cv3, strict=True)
        ]


class Yolo(nn.Module):
    """The network. Height and width of its input are multiples of 32."""

    strides = (8, 16, 32)

    def __init__(self, design: YoloDesign) -> None:
        super().__init__()
        self.design = design
        c1, c2, c3, c4, c5 = design.channels
        r2, r3, r4, r5 = design.repeats
        nothing = nn.Identity()  # upsampling and joining have numbers, but no tensors
        self.model = nn.ModuleList([
            Conv(3, c1, 3, 2), Conv(c1, c2, 3, 2), C2f(c2, c2, r2, shortcut=True),
            Conv(c2, c3, 3, 2), C2f(c3, c3, r3, shortcut=True),
            Conv(c3, c4, 3, 2), C2f(c4, c4, r4, shortcut=True),
            Conv(c4, c5, 3, 2), C2f(c5, c5, r5, shortcut=True), SPPF(c5, c5),
            nothing, nothing, C2f(c5 + c4, c4, 1, shortcut=False),
            nothing, nothing, C2f(c4 + c3, c3, 1, shortcut=False),
            Conv(c3, c3, 3, 2), nothing, C2f(c3 + c4, c4, 1, shortcut=False),
            Conv(c4, c4, 3, 2), nothing, C2f(c4 + c5, c5, 1, shortcut=False),
            Detect(design.classes, (c3, c4, c5)),
        ])  # fmt: skip
        self._start_rare()

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map RGB in [0, 1], (N, 3, H, W), to the head's raw answers at strides 8, 16 and 32; see :class:`Detect`."""
        layers = self.model
        fine = layers[4](layers[3](layers[2](layers[1](layers[0](x)))))
        middle = layers[6](layers[5](fine))
        coarse = layers[9](layers[8](layers[7](middle)))
        up_middle = layers[12](torch.cat((_doubled(coarse), middle), 1))
        up_fine = layers[15](torch.cat((_doubled(up_middle), fine), 1))
        down_middle = layers[18](torch.cat((layers[16](up_fine), up_middle), 1))
        down_coarse = layers[21](torch.cat((layers[19](down_middle), coarse), 1))
        return cast(list[Tensor], layers[22]([up_fine, down_middle, down_coarse]))

    def _start_rare(self) -> None:
        """Set the first scores as low as objects are rare, so that training does not begin by unlearning."""
        head = cast(Detect, self.model[22])
        for boxes, scores, stride in zip(head.cv2, head.cv3, self.strides, strict=True):
            box_bias, score_bias = (cast(nn.Conv2d, cast(nn.Sequential, b)[-1]).bias for b in (boxes, scores))
            nn.init.ones_(cast(Tensor, box_bias))
            prior = _PRIOR_OBJECTS / self.design.classes / (640 / stride) ** 2
            nn.init.constant_(cast(Tensor, score_bias), math.log(prior / (1 - prior)))


def decode(answers: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Decode boxes and scores of every cell of every grid.

    Args:
        answers: Output of :class:`Yolo`.

    Returns:
        (N, cells, 4) boxes ``x1, y1, x2, y2`` in pixels of the input and (N, cells, classes) scores in [0, 1].
    """
    flat = torch.cat([answer.float().flatten(2) for answer in answers], 2).transpose(1, 2)
    centres, strides = cells_of(answers)
    boxes = boxes_of(flat[..., : 4 * BINS], centres, strides)
    return boxes, flat[..., 4 * BINS :].sigmoid()


def cells_of(answers: list[Tensor]) -> tuple[Tensor, Tensor]:
    """List the centres of all cells in pixels, (cells, 2), and their strides, (cells, 1)."""
    centres, strides = [], []
    for answer, stride in zip(answers, Yolo.strides, strict=True):
        height, width = answer.shape[-2:]
        rows = (torch.arange(height, device=answer.device) + 0.5) * stride
        columns = (torch.arange(width, device=answer.device) + 0.5) * stride
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        centres.append(torch.stack((x.flatten(), y.flatten()), 1))
        strides.append(torch.full((height * width, 1), float(stride), device=answer.device))
    return torch.cat(centres), torch.cat(strides)


def boxes_of(logits: Tensor, centres: Tensor, strides: Tensor) -> Tensor:
    """Compute boxes (N, cells, 4) in pixels from the logits of four distributions, (N, cells, 64)."""
    steps = torch.arange(BINS, dtype=logits.dtype, device=logits.device)
    distances = logits.reshape(*logits.shape[:-1], 4, BINS).softmax(-1) @ steps * strides
    return torch.cat((centres - distances[..., :2], centres + distances[..., 2:]), -1)


def _doubled(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
