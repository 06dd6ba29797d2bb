"""Weights and an input that are functions of names and seeds alone, and what is kept of an official network's output.

``tests/derainers/data/parity/NAME.npz`` holds the output of the authors' code with these weights for this input.
"""

import zlib
from pathlib import Path

import numpy as np
import torch

PARITY = Path(__file__).parents[1] / "data" / "parity"


def seeded_state(network):
    """Give every tensor of a network values that follow from its official name."""
    state = {}
    for name, tensor in network.state_dict().items():
        if not tensor.is_floating_point() or "running" in name:
            continue
        rng = np.random.RandomState(zlib.crc32(name.encode()) & 0xFFFFFFFF)
        if tensor.ndim <= 1 or name.endswith("temperature"):
            value = 1 + 0.1 * rng.standard_normal(tensor.shape)
        else:
            value = 0.5 * rng.standard_normal(tensor.shape) / np.sqrt(np.prod(tensor.shape[1:]))
        state[name] = torch.from_numpy(value.astype(np.float32))
    shared_slope = state.get("shallow_feat1.1.body.1.weight")
    return {name: shared_slope if value.numel() == 1 and value.ndim == 1 and shared_slope is not None else value
            for name, value in state.items()}  # fmt: skip


def seeded_input():
    """(1, 3, 48, 64) float32 in [0, 1]."""
    return torch.from_numpy(np.random.RandomState(7).uniform(0, 1, (1, 3, 48, 64)).astype(np.float32))


def kept(output):
    """Every third pixel of a restored (1, 3, 48, 64): (3, 16, 22) float32."""
    return output[0, :, ::3, ::3].numpy()
