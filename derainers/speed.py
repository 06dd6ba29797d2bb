"""What the work saved in MSPFN and PReNet is worth: the same function both ways, in one run. Weights are random."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from derainers.table import randomise

if TYPE_CHECKING:
    from torch import nn

    from derainers.network import TorchDerainer


@dataclass(frozen=True)
class Comparison:
    """Two ways to one result.

    Attributes:
        what: The two ways.
        height: Pixels.
        width: Pixels.
        seconds: Our way, the fastest of some repeats.
        reference_seconds: The other way, likewise.
        ratio: How many times as fast ours is, the median of the repeats.
    """

    what: str
    height: int
    width: int
    seconds: float
    reference_seconds: float
    ratio: float


def compare(height: int = 160, width: int = 240, repeats: int = 5) -> tuple[Comparison, ...]:
    """Time MSPFN without what multiplies zeros against the whole, and lean PReNet against the plain network.

    Both pairs run in inference mode on the CPU, in float32. The plain PReNet is what its authors' code does: memory
    in NCHW order, four gates, concatenations. MSPFN differs in the ConvLSTM cells alone.
    """
    from derainers.mspfn import MSPFN
    from derainers.prenet import PReNet
    from derainers.prenet_lean import LeanPReNet

    live, full, plain = MSPFN(), MSPFN(in_full=True), PReNet()
    for network in (live, full, plain):
        randomise(network)
    pairs = {
        "mspfn: without zeros / in full": (_forward(live, height, width, True), _forward(full, height, width, True)),
        "prenet: lean, channels last / plain, NCHW": (
            _forward(LeanPReNet(plain), height, width, True),
            _forward(plain, height, width, False),
        ),
    }
    return tuple(
        Comparison(what, height, width, *in_turns(ours, other, repeats)) for what, (ours, other) in pairs.items()
    )


def in_turns(ours: Callable[[], object], other: Callable[[], object], repeats: int) -> tuple[float, float, float]:
    """Fastest seconds of both, and how many times as fast ours is: the median over the turns.

    They are taken in turns, and each ratio within one, since others use the machine as well. The first turn warms up.
    """
    turns = [(_seconds(ours), _seconds(other)) for _ in range(repeats + 1)][1:]
    mine, theirs = (min(column) for column in zip(*turns, strict=True))
    return mine, theirs, median(second / first for first, second in turns)


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def untrained_prenet() -> TorchDerainer:
    """PReNet with random weights as a derainer: it costs what the trained one does."""
    from bench.contract import Traits
    from derainers.network import TorchDerainer
    from derainers.prenet import PReNet
    from derainers.prenet_lean import LeanPReNet

    network = PReNet()
    randomise(network)
    return TorchDerainer(LeanPReNet(network), Traits(tileable=True, quantisation="trunc"))


def _forward(network: nn.Module, height: int, width: int, channels_last: bool) -> Callable[[], object]:
    import torch

    order = torch.channels_last if channels_last else torch.contiguous_format
    network = network.to(memory_format=order)
    x = torch.rand(1, 3, height, width).contiguous(memory_format=order)

    def run() -> object:
        with torch.inference_mode():
            return network(x)

    return run
