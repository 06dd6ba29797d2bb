"""Restormer: a transformer whose attention is between channels, so that its cost grows with the pixels only.

Zamir et al., "Restormer: efficient transformer for high-resolution image restoration", CVPR 2022.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.contract import Options, Traits
from bench.devices import torch_device_ready
from bench.io.checkpoints import check_state, load_state
from derainers.networks.u_shaped import UShaped, conv, depthwise
from derainers.torch_derainer import TorchDerainer
from derainers.weights import read_official

EXPANSION = 2.66


@dataclass(frozen=True)
class RestormerDesign:
    """What sets one Restormer apart from another.

    Attributes:
        width: Channels at full resolution.
        blocks: Transformer blocks at each of the four levels.
        refinement: Further blocks at full resolution, at the end.
        biased: True if convolutions add a bias and the normalisations do not, neither subtracting a mean.
    """

    width: int = 48
    blocks: tuple[int, int, int, int] = (4, 6, 6, 8)
    refinement: int = 4
    biased: bool = False


class Restormer(UShaped):
    """Input and output: (N, 3, H, W) float32 RGB in [0, 1], H and W multiples of 8; the output is not clipped."""

    def __init__(self, design: RestormerDesign | None = None) -> None:
        design = design or RestormerDesign()
        block = partial(TransformerBlock, biased=design.biased)
        super().__init__(design.width, design.blocks, design.refinement, block, design.biased)


class TransformerBlock(nn.Module):
    """Attention and a gated feed-forward part, each after a normalisation and with a skip."""

    def __init__(self, channels: int, heads: int, biased: bool = False) -> None:
        super().__init__()
        norm = ScalingNorm if biased else ChannelNorm
        self.norm1 = norm(channels)
        self.attn = ChannelSelfAttention(channels, heads, biased)
        self.norm2 = norm(channels)
        self.ffn = GatedFeedForward(channels, biased)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        x = x + self.attn(self.norm1(x))
        y: Tensor = x + self.ffn(self.norm2(x))
        return y


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of every pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.LayerNorm(channels, eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        y: Tensor = self.body(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return y


class ScalingNorm(nn.Module):
    """Division by the deviation of every pixel's channels; their mean stays."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        variance = x.var(dim=1, keepdim=True, correction=0)
        return x / torch.sqrt(variance + 1e-5) * self.weight[:, None, None]


class ChannelSelfAttention(nn.Module):
    """Attention of channels to channels, within groups of channels ("heads")."""

    def __init__(self, channels: int, heads: int, biased: bool = False) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = conv(channels, 3 * channels, 1, biased)
        self.qkv_dwconv: nn.Module = depthwise(3 * channels, biased)
        self.project_out = conv(channels, channels, 1, biased)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        query, key, value = self.qkv_dwconv(self.qkv(x)).chunk(3, dim=1)
        y: Tensor = self.project_out(between_channels(query, key, value, self.temperature))
        return y


def between_channels(query: Tensor, key: Tensor, value: Tensor, temperature: Tensor) -> Tensor:
    """Attend from channels to channels, in as many groups as there are temperatures; all (N, C, H, W)."""
    batch, channels, height, width = query.shape
    heads = len(temperature)
    flat = (batch, heads, channels // heads, height * width)
    query, key, value = (part.reshape(flat) for part in (query, key, value))
    query, key = functional.normalize(query, dim=-1), functional.normalize(key, dim=-1)
    attention = (query @ key.transpose(-2, -1) * temperature).softmax(dim=-1)
    return (attention @ value).reshape(batch, channels, height, width)


class GatedFeedForward(nn.Module):
    """One half of the widened channels, through a GELU, gates the other half."""

    def __init__(self, channels: int, biased: bool = False) -> None:
        super().__init__()
        hidden = int(channels * EXPANSION)
        self.project_in = conv(channels, 2 * hidden, 1, biased)
        self.dwconv: nn.Module = depthwise(2 * hidden, biased)
        self.project_out = conv(hidden, channels, 1, biased)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        gate, value = self.dwconv(self.project_in(x)).chunk(2, dim=1)
        y: Tensor = self.project_out(functional.gelu(gate) * value)
        return y


def design_of(state: Mapping[str, object]) -> RestormerDesign:
    """Tell a checkpoint's design by its names and shapes; that of the paper for a file of another network."""

    def count(part: str) -> int:
        return len({name.split(".")[1] for name in state if name.startswith(f"{part}.")})

    first = state.get("patch_embed.proj.weight", state.get("patch_embed.weight"))
    if not isinstance(first, Tensor) or not first.ndim:
        return RestormerDesign()
    blocks = (count("encoder_level1"), count("encoder_level2"), count("encoder_level3"), count("latent"))
    return RestormerDesign(len(first), blocks, count("refinement"), "patch_embed.bias" in state)


def restormer(options: Options) -> TorchDerainer:
    """Build Restormer with the authors' deraining weights, trained on Rain13K.

    Raises:
        UserError: The weights cannot be had.
    """
    torch_device_ready(options)
    with torch.device("meta"):
        state, origin = read_official("restormer", options, Restormer().state_dict().keys())
    design = design_of(state)
    with torch.device("meta"):  # a file may ask for more than the memory holds
        check_state(Restormer(design), state, origin)
    network = Restormer(design)
    load_state(network, state, origin)
    return TorchDerainer(network, Traits(batchable=False, multiple_of=8, quantisation="round"), options)
