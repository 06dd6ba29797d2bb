"""Build Darknet networks as torch modules, with weights read from Darknet's own files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.errors import UserError
from tasks.detection.backends.darknet_cfg import Section

_EPSILON = 1e-5
_LEAK = 0.1


@dataclass(frozen=True)
class Head:
    """Settings of a ``[yolo]`` section, which turn outputs into boxes.

    Attributes:
        anchors: (A, 2) widths and heights in pixels of the network's input.
        classes: Number of classes.
    """

    anchors: npt.NDArray[np.float32]
    classes: int


class DarknetNetwork(nn.Module):
    """A network of convolutions, shortcuts, routes, poolings and upsamplings with YOLO heads.

    Args:
        sections: Description of the network; the first is ``[net]``.
        origin: Source of the description, for messages.
    """

    def __init__(self, sections: Sequence[Section], origin: str) -> None:
        super().__init__()
        self.side = (sections[0].number("height", 416), sections[0].number("width", 416))
        self.sections = tuple(sections[1:])
        self.heads: dict[int, Head] = {}
        self.layers = nn.ModuleList()
        channels: list[int] = []
        for index, section in enumerate(self.sections):
            before = channels[-1] if channels else sections[0].number("channels", 3)
            module, after = self._layer(index, section, before, channels, origin)
            self.layers.append(module)
            channels.append(after)
        if not self.heads:
            raise UserError(f"{origin}: has no [yolo] section; only YOLOv3 and its relatives can be read")

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map RGB in [0, 1] of shape (B, 3, H, W) to one (B, cells, 5 + classes) a head.

        The numbers of a cell are centre and size in pixels of the input, objectness and class probabilities.
        """
        size = x.shape[-2:]
        outputs: list[Tensor] = []
        found: list[Tensor] = []
        for index, (section, layer) in enumerate(zip(self.sections, self.layers, strict=True)):
            if section.kind == "shortcut":
                x = x + outputs[_source(section.number("from", -1), index)]
            elif section.kind == "route":
                x = torch.cat([outputs[_source(source, index)] for source in section.numbers("layers")], dim=1)
            elif section.kind == "yolo":
                found.append(_decode(x, self.heads[index], (int(size[0]), int(size[1]))))
            else:
                x = layer(x)
            outputs.append(x)
        return found

    def _layer(
        self, index: int, section: Section, before: int, channels: list[int], origin: str
    ) -> tuple[nn.Module, int]:
        if section.kind == "convolutional":
            return _convolution(section, before, origin), section.number("filters", 1)
        if section.kind == "upsample":
            return nn.Upsample(scale_factor=section.number("stride", 2), mode="nearest"), before
        if section.kind == "maxpool":
            return _MaxPool(section.number("size", 2), section.number("stride", 2)), before
        if section.kind == "route":
            return nn.Identity(), sum(channels[_source(source, index)] for source in section.numbers("layers"))
        if section.kind == "yolo":
            self.heads[index] = _head(section)
        elif section.kind != "shortcut":
            raise UserError(f"{origin}: section [{section.kind}] is not one of YOLOv3 and cannot be read")
        return nn.Identity(), before


class _MaxPool(nn.Module):
    """Darknet's pooling: windows reach over the right and lower edge."""

    def __init__(self, size: int, stride: int) -> None:
        super().__init__()
        self.size, self.stride = size, stride

    def forward(self, x: Tensor) -> Tensor:
        left = (self.size - 1) // 2
        padded = functional.pad(x, (left, self.size - 1 - left, left, self.size - 1 - left), value=float("-inf"))
        return functional.max_pool2d(padded, self.size, self.stride)


def load_darknet_weights(network: DarknetNetwork, path: Path) -> None:
    """Read a ``.weights`` file: a header, then for every convolution its normalisation or bias and its filters.

    Raises:
        UserError: The file is shorter or longer than the network, or holds NaN or infinity.
    """
    numbers = _numbers(path)
    place = 0
    for name, module in network.named_modules():
        if not isinstance(module, nn.Sequential):
            continue
        for tensor in _in_order(module):
            count = tensor.numel()
            if place + count > len(numbers):
                raise UserError(
                    f"{path}: ends at {name} after {len(numbers)} numbers; truncated, or of another network"
                )
            values = torch.from_numpy(numbers[place : place + count].copy())
            tensor.data.copy_(values.view_as(tensor))
            place += count
    if place != len(numbers):
        raise UserError(f"{path}: holds {len(numbers)} numbers, the network has {place}; it belongs to another network")


def _numbers(path: Path) -> npt.NDArray[np.float32]:
    content = path.read_bytes()
    if len(content) < 20:
        raise UserError(f"{path}: not a darknet weights file ({len(content)} bytes)")
    major, minor, _ = np.frombuffer(content[:12], dtype="<i4").tolist()
    # Since version 0.2 the count of images seen in training takes eight bytes.
    header = 20 if major * 10 + minor >= 2 else 16
    if (len(content) - header) % 4 or not 0 <= major < 100 or not 0 <= minor < 100:
        raise UserError(f"{path}: not a darknet weights file (version {major}.{minor}, {len(content)} bytes)")
    numbers = np.frombuffer(content[header:], dtype="<f4").astype(np.float32)
    if not np.isfinite(numbers).all():
        raise UserError(f"{path}: holds NaN or infinite values; the file is damaged")
    return numbers


def _in_order(block: nn.Sequential) -> list[Tensor]:
    convolution, normalisation = block[0], block[1]
    if isinstance(normalisation, nn.BatchNorm2d) and isinstance(convolution, nn.Conv2d):
        mean, variance = normalisation.running_mean, normalisation.running_var
        if mean is None or variance is None:
            raise ValueError("normalisation without statistics")
        return [normalisation.bias, normalisation.weight, mean, variance, convolution.weight]
    if isinstance(convolution, nn.Conv2d) and convolution.bias is not None:
        return [convolution.bias, convolution.weight]
    raise ValueError("a convolution has either normalisation or bias")


def _convolution(section: Section, before: int, origin: str) -> nn.Sequential:
    filters, size = section.number("filters", 1), section.number("size", 1)
    normalised = bool(section.number("batch_normalize", 0))
    padding = size // 2 if section.number("pad", 0) else section.number("padding", 0)
    activation = section.options.get("activation", "logistic")
    if activation not in ("leaky", "linear") or section.number("groups", 1) != 1:
        raise UserError(f"{origin}: a convolution with activation={activation!r} or groups cannot be read")
    return nn.Sequential(
        nn.Conv2d(before, filters, size, section.number("stride", 1), padding, bias=not normalised),
        nn.BatchNorm2d(filters, eps=_EPSILON) if normalised else nn.Identity(),
        nn.LeakyReLU(_LEAK) if activation == "leaky" else nn.Identity(),
    )


def _head(section: Section) -> Head:
    anchors = np.array(section.numbers("anchors"), dtype=np.float32).reshape(-1, 2)
    mask = section.numbers("mask") or list(range(len(anchors)))
    return Head(anchors[mask], section.number("classes", 80))


def _source(number: int, index: int) -> int:
    """Find the layer that a number in the description means: relative if negative."""
    return index + number if number < 0 else number


def _decode(x: Tensor, head: Head, size: tuple[int, int]) -> Tensor:
    batch, _, rows, columns = x.shape
    x = x.view(batch, len(head.anchors), 5 + head.classes, rows, columns)
    y_cell, x_cell = torch.meshgrid(
        torch.arange(rows, device=x.device), torch.arange(columns, device=x.device), indexing="ij"
    )
    anchors = torch.from_numpy(head.anchors).to(x.device)
    boxes = [
        (x[:, :, 0].sigmoid() + x_cell) * size[1] / columns,
        (x[:, :, 1].sigmoid() + y_cell) * size[0] / rows,
        x[:, :, 2].exp() * anchors[:, 0].view(1, -1, 1, 1),
        x[:, :, 3].exp() * anchors[:, 1].view(1, -1, 1, 1),
    ]
    decoded = torch.cat([torch.stack(boxes, dim=2), x[:, :, 4:].sigmoid()], dim=2)
    return decoded.permute(0, 1, 3, 4, 2).reshape(batch, -1, 5 + head.classes)
