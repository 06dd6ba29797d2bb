from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from derainers.training.crops import ImagePair
from derainers.training.networks import TrainableDerainer, network_of
from derainers.training.settings import DerainerSettings


@dataclass(frozen=True)
class VeiledStripes:
    """Smooth images and the same behind a veil: a problem that a few steps learn."""

    height: int = 40
    width: int = 52

    def __call__(self, number: int, /) -> ImagePair:
        random = np.random.default_rng(number)
        ramp = np.linspace(0, 1, self.width)[None, :, None] * random.uniform(0.3, 1.0, 3)
        clean = np.repeat(np.clip(ramp * 255, 0, 255), self.height, axis=0).astype(np.uint8)
        return (clean * 0.5 + 110).astype(np.uint8), clean


@pytest.fixture
def stream() -> VeiledStripes:
    return VeiledStripes()


@pytest.fixture
def settings() -> DerainerSettings:
    return DerainerSettings(
        network="mspfn-light", steps=6, batch=2, crop=32, learning_rate=1e-3, clip=1.0, every=2, warm_up=2, seed=3
    )


@pytest.fixture
def new_trainee() -> Callable[[str], TrainableDerainer]:
    def build(name: str) -> TrainableDerainer:
        torch.manual_seed(11)
        return network_of(name)

    return build


@pytest.fixture
def photograph(stream: VeiledStripes) -> np.ndarray:
    return stream(5)[0]
