"""Measure the speed of the shortcuts in MSPFN and PReNet, and of ``derain`` on files, with random weights."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from PIL import Image as Pillow

from bench.api.images import derain_files, plan_derain
from bench.perf.drawn_evidence import draw_picture
from bench.perf.timing import Comparison, in_turns
from bench.runner.outcome import Outcome
from derainers.weights import randomise

if TYPE_CHECKING:
    from torch import nn

    from derainers.torch_derainer import TorchDerainer


def network_comparisons(height: int = 160, width: int = 240, turns: int = 5) -> tuple[Comparison, ...]:
    """Time MSPFN without what multiplies zeros against the whole, and lean PReNet against the plain network.

    Both pairs run in inference mode on the CPU, in float32. The plain PReNet is what its authors' code does: memory
    in NCHW order, four gates, concatenations. MSPFN differs in the ConvLSTM cells alone.
    """
    from derainers.networks.mspfn.mspfn import MSPFN
    from derainers.networks.prenet.lean import LeanPReNet
    from derainers.networks.prenet.prenet import PReNet

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
        Comparison(what, height, width, *in_turns(ours, other, turns)) for what, (ours, other) in pairs.items()
    )


def untrained_prenet() -> TorchDerainer:
    """Build PReNet with random weights as a derainer: it costs what the trained one does."""
    from bench.contract import Traits
    from derainers.networks.prenet.lean import LeanPReNet
    from derainers.networks.prenet.prenet import PReNet
    from derainers.torch_derainer import TorchDerainer

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


def derainer_speeds(height: int = 160, width: int = 240, images: int = 4, turns: int = 5) -> pd.DataFrame:
    """Time exact shortcuts against the plain networks, and ``derain`` against the model alone; one row a comparison.

    The last row's ratio is the share of the pure model's throughput that is left when JPEG files are decoded and
    PNG files written.
    """
    rows = [*network_comparisons(height, width, turns), _folder_comparison(height, width, images, turns)]
    return pd.DataFrame([asdict(row) for row in rows])


def _folder_comparison(height: int, width: int, images: int, turns: int) -> Comparison:
    derainer = untrained_prenet()
    pictures = [draw_picture(height, width, number) for number in range(images)]
    with tempfile.TemporaryDirectory() as folder:
        rainy = Path(folder) / "rainy"
        rainy.mkdir()
        for number, image in enumerate(pictures):
            Pillow.fromarray(image).save(rainy / f"{number}.jpg", quality=95)
        pairs = plan_derain(rainy, Path(folder) / "restored")
        whole = partial(derain_files, "prenet", derainer, pairs, _ignore)
        seconds = in_turns(whole, lambda: [derainer(image) for image in pictures], turns)
    return Comparison(f"derain, {images} files / prenet alone", height, width, *seconds)


def _ignore(outcome: Outcome) -> None:
    """Take an outcome that nobody watches."""
