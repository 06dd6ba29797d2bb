"""InstructIR: one network for many degradations, told by a sentence which of them to remove; here "Remove the rain".

Conde et al., "InstructIR: high-quality image restoration following human instructions", ECCV 2024. The sentence is one
of those that the authors' own evaluation draws for rain. It is read once, when the weights are loaded.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.contract import Options, Traits
from bench.devices import torch_device_ready
from derainers.networks.nafnet import MIDDLE, PixelNorm, halves_multiplied, upsample
from derainers.torch_derainer import TorchDerainer, steady_sigmoid
from derainers.weights import load_file, load_imported, weights_paths

INSTRUCTION = 256
"""Numbers that stand for the sentence."""
TEXT_WIDTH, TEXT_LAYERS, TEXT_HEADS = 384, 3, 12  # of the text encoder, bge-micro-v2
WORDS = 30_522
REMOVE_THE_RAIN = (101, 6366, 1996, 4542, 102)
"""[CLS] remove the rain [SEP] in the vocabulary of BERT (uncased), which the encoder shares."""


class InstructIR(nn.Module):
    """A NAFNet whose skips and decoders are steered by the instruction.

    Input and output: (N, 3, H, W) float32 RGB in [0, 1], H and W multiples of 16; the output is not clipped. The
    attribute ``instruction``, (256,) of length 1, is no part of the state.
    """

    instruction: Tensor

    def __init__(self) -> None:
        super().__init__()
        widths = [MIDDLE.width << level for level in range(len(MIDDLE.encoder) + 1)]
        encoded, decoded = widths[:-1], widths[-2::-1]
        self.intro = nn.Conv2d(3, MIDDLE.width, 3, padding=1)
        self.encoders = nn.ModuleList(map(_blocks, encoded, MIDDLE.encoder))
        self.enc_cond = nn.ModuleList(map(InstructedBlock, encoded))
        self.downs = nn.ModuleList(nn.Conv2d(width, 2 * width, 2, stride=2) for width in encoded)
        self.middle_blks = _blocks(widths[-1], MIDDLE.middle)
        self.ups = nn.ModuleList(upsample(2 * width) for width in decoded)
        self.decoders = nn.ModuleList(map(_blocks, decoded, MIDDLE.decoder))
        self.dec_cond = nn.ModuleList(map(InstructedBlock, decoded))
        self.ending = nn.Conv2d(MIDDLE.width, 3, 3, padding=1)
        self.register_buffer("instruction", torch.zeros(INSTRUCTION), persistent=False)

    def forward(self, rainy: Tensor) -> Tensor:
        """Return the clean image."""
        x = self.intro(rainy)
        skips = []
        for encoder, steered, down in zip(self.encoders, self.enc_cond, self.downs, strict=True):
            x = steered(encoder(x), self.instruction)
            skips.append(x)
            x = down(x)
        x = self.middle_blks(x)
        for up, decoder, steered in zip(self.ups, self.decoders, self.dec_cond, strict=True):
            x = steered(decoder(up(x) + skips.pop()), self.instruction)
        restored: Tensor = self.ending(x) + rainy
        return restored


class Block(nn.Module):
    """NAFNet's block (:class:`derainers.networks.nafnet.NAFBlock`) under the names of its authors."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 2 * channels, 1)
        self.conv2 = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels)
        self.conv3 = nn.Conv2d(channels, channels, 1)
        self.sca = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels, 1))
        self.conv4 = nn.Conv2d(channels, 2 * channels, 1)
        self.conv5 = nn.Conv2d(channels, channels, 1)
        self.norm1 = PixelNorm(channels)
        self.norm2 = PixelNorm(channels)
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        gated = halves_multiplied(self.conv2(self.conv1(self.norm1(x))))
        x = x + self.conv3(gated * self.sca(gated)) * self.beta
        y: Tensor = x + self.conv5(halves_multiplied(self.conv4(self.norm2(x)))) * self.gamma
        return y


class InstructedBlock(nn.Module):
    """A block behind channels that the instruction opens and closes, with a skip (the paper's ICB)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(INSTRUCTION, channels)
        self.block = Block(channels)
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor, instruction: Tensor) -> Tensor:
        """(N, C, H, W) and (256,) to (N, C, H, W)."""
        gate = steady_sigmoid(self.fc(instruction))[:, None, None]
        y: Tensor = self.block((x * self.gamma + self.beta) * gate) + x
        return y


class TextEncoder(nn.Module):
    """The BERT of three layers that InstructIR reads sentences with (bge-micro-v2), and its mean over all words."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": nn.Embedding(WORDS, TEXT_WIDTH),
                "position_embeddings": nn.Embedding(512, TEXT_WIDTH),
                "token_type_embeddings": nn.Embedding(2, TEXT_WIDTH),
                "LayerNorm": _norm(),
            }
        )
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(_text_layer() for _ in range(TEXT_LAYERS))})

    def forward(self, words: Tensor) -> Tensor:
        """Turn (L,) numbers of words into (384,) of length 1."""
        part = self.get_submodule
        x = part("embeddings.word_embeddings")(words)
        x = x + part("embeddings.position_embeddings")(torch.arange(len(words)))
        x = part("embeddings.LayerNorm")(x + part("embeddings.token_type_embeddings")(torch.zeros_like(words)))
        for number in range(TEXT_LAYERS):
            layer = part(f"encoder.layer.{number}").get_submodule
            query, key, value = (
                layer(f"attention.self.{name}")(x).view(len(words), TEXT_HEADS, -1).transpose(0, 1)
                for name in ("query", "key", "value")
            )
            weights = (query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5).softmax(dim=-1)
            seen = (weights @ value).transpose(0, 1).flatten(1)
            x = layer("attention.output.LayerNorm")(x + layer("attention.output.dense")(seen))
            wide = functional.gelu(layer("intermediate.dense")(x))
            x = layer("output.LayerNorm")(x + layer("output.dense")(wide))
        return functional.normalize(x.mean(dim=0), dim=0)


class InstructionHead(nn.Module):
    """From the text encoder's numbers to those of the instruction."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(TEXT_WIDTH, INSTRUCTION)

    def forward(self, sentence: Tensor) -> Tensor:
        """Turn (384,) into (256,) of length 1."""
        return functional.normalize(self.fc1(sentence), dim=0)


def _norm() -> nn.LayerNorm:
    return nn.LayerNorm(TEXT_WIDTH, eps=1e-12)


def _text_layer() -> nn.ModuleDict:
    """Make the parts of one layer under the names of its file."""
    width = TEXT_WIDTH
    attention = {
        "self": nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value")}),
        "output": nn.ModuleDict({"dense": nn.Linear(width, width), "LayerNorm": _norm()}),
    }
    return nn.ModuleDict(
        {
            "attention": nn.ModuleDict(attention),
            "intermediate": nn.ModuleDict({"dense": nn.Linear(width, 4 * width)}),
            "output": nn.ModuleDict({"dense": nn.Linear(4 * width, width), "LayerNorm": _norm()}),
        }
    )


def _blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(Block(channels) for _ in range(count)))


def instructir(options: Options) -> TorchDerainer:
    """InstructIR with the authors' weights for seven degradations, told to remove the rain.

    Raises:
        UserError: The weights cannot be had, or the text encoder is not here; the message says where it is.
    """
    torch_device_ready(options)
    encoder, head, network = TextEncoder(), InstructionHead(), InstructIR()
    load_imported(encoder, "instructir", options, file="instructir-text", unknown_allowed=True)
    image_path, head_path = weights_paths("instructir", options)
    load_file(head, head_path, unknown_allowed=True)
    load_file(network, image_path)
    with torch.inference_mode():
        network.instruction.copy_(head(encoder(torch.tensor(REMOVE_THE_RAIN))))
    return TorchDerainer(network, Traits(batchable=False, multiple_of=16, quantisation="trunc"), options)
