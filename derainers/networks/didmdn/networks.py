"""The three networks of DIDMDN: rain residual, rain density, and the deraining itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from derainers.networks.dense_blocks import DenseBlock, Resize, Transition

SLOPE = 0.2
POOLS = (32, 16, 8, 4)
DENSITIES = 4

Stage = tuple[int, int, int, Resize]
"""Channels in, growth, channels out and change of size of a dense block and its transition."""

# The residual network adds its skips, the deraining network appends them.
RESIDUAL_FULL: tuple[Stage, ...] = (
    (3, 5, 4, "keep"), (4, 8, 12, "keep"), (12, 4, 12, "keep"),
    (12, 4, 12, "keep"), (12, 8, 4, "keep"), (4, 8, 2, "keep"),
)  # fmt: skip
RESIDUAL_HALF: tuple[Stage, ...] = (
    (3, 13, 8, "down"), (8, 16, 16, "keep"), (16, 16, 16, "keep"),
    (16, 16, 16, "keep"), (16, 8, 8, "keep"), (8, 8, 2, "up"),
)  # fmt: skip
RESIDUAL_QUARTER: tuple[Stage, ...] = (
    (3, 13, 8, "down"), (8, 16, 16, "down"), (16, 16, 16, "keep"),
    (16, 16, 16, "keep"), (16, 8, 8, "up"), (8, 8, 2, "up"),
)  # fmt: skip
DERAIN_HALF: tuple[Stage, ...] = (
    (3, 5, 4, "down"), (4, 8, 12, "keep"), (12, 4, 12, "keep"),
    (12, 4, 12, "keep"), (24, 8, 4, "keep"), (8, 8, 4, "up"),
)  # fmt: skip
DERAIN_QUARTER: tuple[Stage, ...] = (
    (3, 13, 8, "down"), (8, 16, 16, "down"), (16, 16, 16, "keep"),
    (16, 16, 16, "keep"), (32, 8, 8, "up"), (16, 8, 4, "up"),
)  # fmt: skip
DERAIN_EIGHTH: tuple[Stage, ...] = (
    (3, 13, 8, "down"), (8, 16, 16, "down"), (16, 16, 16, "down"),
    (16, 16, 16, "up"), (32, 8, 8, "up"), (16, 8, 4, "up"),
)  # fmt: skip


class Branch(nn.Module):
    """Six dense blocks with skips from the second to the fourth and from the first to the fifth.

    Args:
        stages: The blocks.
        kernel_size: Odd size of the blocks' convolutions.
        skips: ``add`` or ``append`` skipped features.
    """

    def __init__(self, stages: Sequence[Stage], kernel_size: int, skips: Literal["add", "append"]) -> None:
        super().__init__()
        self.skips = skips
        for number, (channels_in, growth, channels_out, resize) in enumerate(stages, start=1):
            self.add_module(f"dense_block{number}", DenseBlock(channels_in, growth, kernel_size))
            self.add_module(f"trans_block{number}", Transition(channels_in + growth, channels_out, resize))
        if skips == "append":
            self.conv11 = nn.Conv2d(stages[0][2], 1, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to (N, 2, H, W); with appended skips to (N, 12, H, W)."""
        first = self._stage(1, x)
        second = self._stage(2, first)
        y = self._skip(self._stage(4, self._stage(3, second)), second)
        y = self._stage(6, self._skip(self._stage(5, y), first))
        if self.skips == "add":
            return y
        overview = functional.leaky_relu(self.conv11(first), SLOPE)
        overview = functional.interpolate(overview, size=y.shape[2:], mode="nearest")
        return torch.cat([y, *[overview] * 5, x], dim=1)  # five times the same map: so in the official code

    def _stage(self, number: int, x: Tensor) -> Tensor:
        y = self.get_submodule(f"dense_block{number}")(x)
        z: Tensor = self.get_submodule(f"trans_block{number}")(y)
        return z

    def _skip(self, x: Tensor, skipped: Tensor) -> Tensor:
        return x + skipped if self.skips == "add" else torch.cat([x, skipped], dim=1)


class PyramidNetwork(nn.Module):
    """The last layers of both image networks: features, their means over four sizes of squares, and a tanh."""

    def __init__(self, channels_in: int, channels: int, pooled: int) -> None:
        super().__init__()
        self.conv_refin = nn.Conv2d(channels_in, channels, kernel_size=3, padding=1)
        self.conv1010, self.conv1020, self.conv1030, self.conv1040 = (
            nn.Conv2d(channels, pooled, kernel_size=1) for _ in POOLS
        )
        self.refine3 = nn.Conv2d(channels + len(POOLS) * pooled, 3, kernel_size=3, padding=1)

    def residual(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W) to a rain residual (N, 3, H, W) in [-1, 1]."""
        features = functional.leaky_relu(self.conv_refin(x), SLOPE)
        convolutions = (self.conv1010, self.conv1020, self.conv1030, self.conv1040)
        maps = [
            functional.interpolate(
                functional.leaky_relu(convolution(functional.avg_pool2d(features, pool)), SLOPE),
                size=features.shape[2:],
                mode="nearest",
            )
            for convolution, pool in zip(convolutions, POOLS, strict=True)
        ]
        return torch.tanh(self.refine3(torch.cat([*maps, features], dim=1)))


class RainResidual(PyramidNetwork):
    """First network: maps (N, 3, H, W) in [-1, 1] to its rain residual; H and W multiples of 4, at least 32."""

    def __init__(self) -> None:
        super().__init__(13, 20, 1)
        self.dense0 = Branch(RESIDUAL_FULL, 3, "add")
        self.dense1 = Branch(RESIDUAL_HALF, 3, "add")
        self.dense2 = Branch(RESIDUAL_QUARTER, 3, "add")

    def forward(self, x: Tensor) -> Tensor:
        """Estimate the rain residual; the label plane of the official code is always zero here."""
        label = x.new_zeros(x.shape[0], 4, *x.shape[2:])
        return self.residual(torch.cat([self.dense0(x), x, self.dense1(x), self.dense2(x), label], dim=1))


class RainDensity(nn.Module):
    """Second network: maps a residual (N, 3, 512, 512) to the scores (N, 4) of light to heavy rain."""

    def __init__(self) -> None:
        super().__init__()
        self.feature = nn.Sequential(nn.Conv2d(3, 64, kernel_size=3, padding=1), nn.BatchNorm2d(64), nn.ReLU())
        self.conv16 = nn.Conv2d(64, 24, kernel_size=3, padding=1)
        self.dense_classifier = nn.Linear(24 * 73 * 73, 512)
        self.dense_classifier1 = nn.Linear(512, DENSITIES)

    def forward(self, x: Tensor) -> Tensor:
        """Classify the rain by its density."""
        features = functional.avg_pool2d(torch.relu(self.conv16(self.feature(x))), 7)
        scores: Tensor = self.dense_classifier1(torch.relu(self.dense_classifier(features.flatten(1))))
        return scores


class DensityAwareDerain(PyramidNetwork):
    """Third network: maps (N, 3, H, W) in [-1, 1] and a density from 1 to 4 to the clean image in [-1, 1].

    H and W are multiples of 8, at least 32.
    """

    def __init__(self) -> None:
        super().__init__(47, 47, 2)
        self.dense0 = Branch(DERAIN_HALF, 3, "append")
        self.dense1 = Branch(DERAIN_QUARTER, 5, "append")
        self.dense2 = Branch(DERAIN_EIGHTH, 7, "append")
        self.refineclean1 = nn.Conv2d(3, 8, kernel_size=7, padding=3)
        self.refineclean2 = nn.Conv2d(8, 3, kernel_size=3, padding=1)

    def forward(self, x: Tensor, density: int) -> Tensor:
        """Estimate the clean image (N, 3, H, W) of a rainy one and its density."""
        label = x.new_full((x.shape[0], 8, *x.shape[2:]), float(density))
        residual = self.residual(torch.cat([self.dense0(x), x, self.dense1(x), self.dense2(x), label], dim=1))
        clean = functional.leaky_relu(self.refineclean1(x - residual), SLOPE)
        return torch.tanh(self.refineclean2(clean))
