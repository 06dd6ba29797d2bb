"""What the work saved in MSPFN and PReNet is worth: the same function both ways, in one run. Weights are random."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from PIL import Image as Pillow
from scipy.ndimage import gaussian_filter

from bench.api.images import derain_files, plan_derain
from bench.contract import Image
from bench.perf.timing import Comparison, in_turns
from bench.runner.outcome import Outcome
from derainers.weights import randomise

if TYPE_CHECKING:
    from torch import nn

    from derainers.torch_derainer import TorchDerainer


def compare(height: int = 160, width: int = 240, repeats: int = 5) -> tuple[Comparison, ...]:
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
        Comparison(what, height, width, *in_turns(ours, other, repeats)) for what, (ours, other) in pairs.items()
    )


def untrained_prenet() -> TorchDerainer:
    """PReNet with random weights as a derainer: it costs what the trained one does."""
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


def derainer_speeds(height: int = 160, width: int = 240, images: int = 4, repeats: int = 5) -> pd.DataFrame:
    """Exact shortcuts against the plain networks, and ``derain`` against the model alone; one row a comparison.

    The last row's ratio is the share of the pure model's throughput that is left when JPEG files are decoded and
    PNG files written.
    """
    rows = [*compare(height, width, repeats), _folder_speed(height, width, images, repeats)]
    return pd.DataFrame([asdict(row) for row in rows])


def _folder_speed(height: int, width: int, images: int, repeats: int) -> Comparison:
    derainer = untrained_prenet()
    pictures = [picture(height, width, number) for number in range(images)]
    with tempfile.TemporaryDirectory() as folder:
        rainy = Path(folder) / "rainy"
        rainy.mkdir()
        for number, image in enumerate(pictures):
            Pillow.fromarray(image).save(rainy / f"{number}.jpg", quality=95)
        pairs = plan_derain(rainy, Path(folder) / "restored")
        whole = partial(derain_files, "prenet", derainer, pairs, _ignore)
        seconds = in_turns(whole, lambda: [derainer(image) for image in pictures], repeats)
    return Comparison(f"derain, {images} files / prenet alone", height, width, *seconds)


def picture(height: int, width: int, seed: int) -> Image:
    """Smooth colours with grain, so that JPEG and PNG have about as much to do as with a photograph."""
    noise = np.random.default_rng(seed)
    smooth = gaussian_filter(noise.standard_normal((height, width, 3)), (8, 8, 0)) * 1500
    image: Image = np.clip(128 + smooth + noise.normal(0, 4, (height, width, 3)), 0, 255).astype(np.uint8)
    return image


def _ignore(outcome: Outcome) -> None:
    """Nobody watches."""
