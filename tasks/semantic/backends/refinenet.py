"""Build RefineNet (Lin et al., CVPR 2017) and Light-Weight RefineNet (Nekrasov et al., BMVC 2018).

Parameter names are those of the widespread PyTorch state dicts, so that these load strictly. Published weights
can no longer be downloaded; this is for users who have them.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

Depth = Literal[50, 101, 152]
_BLOCKS: dict[int, tuple[int, int, int, int]] = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
_POOLS = 4


class ResidualBottleneck(nn.Module):
    """Residual block of ResNet-50 and deeper, with its stride in the 3x3 convolution."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, 4 width, H / stride, W / stride)."""
        y = functional.relu(self.bn1(self.conv1(x)))
        y = functional.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResidualConvolutions(nn.Module):
    """Chain of residual convolution units; the shortcut starts before the first ReLU."""

    def __init__(self, channels: int, units: int) -> None:
        super().__init__()
        self.units = units
        for unit in range(1, units + 1):
            self.add_module(f"{unit}_conv", nn.Conv2d(channels, channels, 3, padding=1))
            second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            self.add_module(f"{unit}_conv_relu_varout_dimred", second)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        for unit in range(1, self.units + 1):
            y = self.get_submodule(f"{unit}_conv")(functional.relu(x))
            x = x + self.get_submodule(f"{unit}_conv_relu_varout_dimred")(functional.relu(y))
        return x


class ChainedPooling(nn.Module):
    """Four rounds of pooling and convolution, all added to the input."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        for stage in range(1, _POOLS + 1):
            convolution = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False)
            self.add_module(f"{stage}_outvar_dimred", convolution)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        total = top = x
        for stage in range(1, _POOLS + 1):
            top = self.get_submodule(f"{stage}_outvar_dimred")(functional.max_pool2d(top, 5, 1, 2))
            total = total + top
        return total


class RefineNet(nn.Module):
    """ResNet trunk with four cascaded refinement stages, coarse to fine; class scores at a quarter of the size.

    Args:
        classes: Outputs.
        depth: Layers of the trunk.
        light: Light-Weight RefineNet: no residual convolution units, 1x1 convolutions.
    """

    def __init__(self, classes: int, depth: Depth = 101, light: bool = False) -> None:
        super().__init__()
        self.light = light
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for number, count in enumerate(_BLOCKS[depth]):
            width = 64 * 2**number
            first = ResidualBottleneck(inputs, width, stride=2 if number else 1)
            others = [ResidualBottleneck(4 * width, width, stride=1) for _ in range(count - 1)]
            self.add_module(f"layer{number + 1}", nn.Sequential(first, *others))
            inputs = 4 * width
        for stage, (inputs, width) in enumerate([(2048, 512), (1024, 256), (512, 256), (256, 256)], start=1):
            self._add_stage(stage, inputs, width)
        self.clf_conv = nn.Conv2d(256, classes, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised RGB (B, 3, H, W) to class scores (B, classes, H / 4, W / 4)."""
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        features = []
        for number in range(1, 5):
            x = self.get_submodule(f"layer{number}")(x)
            features.append(x)
        coarser: Tensor | None = None
        for stage, feature in enumerate(reversed(features), start=1):
            coarser = self._refine(stage, feature, coarser)
        scores: Tensor = self.clf_conv(coarser)
        return scores

    def _add_stage(self, stage: int, inputs: int, width: int) -> None:
        kernel = 1 if self.light else 3

        def convolution(before: int, after: int) -> nn.Conv2d:
            return nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=False)

        self.add_module(f"p_ims1d2_outl{stage}_dimred", convolution(inputs, width))
        if not self.light:
            self.add_module(f"adapt_stage{stage}_b", nn.Sequential(ResidualConvolutions(width, 2)))
        if stage > 1:
            self.add_module(f"adapt_stage{stage}_b2_joint_varout_dimred", convolution(width, width))
        self.add_module(f"mflow_conv_g{stage}_pool", nn.Sequential(ChainedPooling(width, kernel)))
        if not self.light:
            self.add_module(f"mflow_conv_g{stage}_b", nn.Sequential(ResidualConvolutions(width, 3)))
        if stage < 4:
            self.add_module(f"mflow_conv_g{stage}_b3_joint_varout_dimred", convolution(width, 256))

    def _refine(self, stage: int, feature: Tensor, coarser: Tensor | None) -> Tensor:
        x: Tensor = self.get_submodule(f"p_ims1d2_outl{stage}_dimred")(feature)
        if not self.light:
            x = self.get_submodule(f"adapt_stage{stage}_b")(x)
        if coarser is not None:
            x = self.get_submodule(f"adapt_stage{stage}_b2_joint_varout_dimred")(x)
            x = x + functional.interpolate(coarser, x.shape[-2:], mode="bilinear", align_corners=True)
        x = self.get_submodule(f"mflow_conv_g{stage}_pool")(functional.relu(x))
        if not self.light:
            x = self.get_submodule(f"mflow_conv_g{stage}_b")(x)
        if stage < 4:
            x = self.get_submodule(f"mflow_conv_g{stage}_b3_joint_varout_dimred")(x)
        return x
