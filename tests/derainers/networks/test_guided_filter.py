"""The guided filter in PyTorch against the one in NumPy."""

import numpy as np
import pytest

from derainers.classical import guided_filter

torch = pytest.importorskip("torch")

from derainers.networks.derainnet import mirrored  # noqa: E402
from derainers.networks.guided_filter import guided_base  # noqa: E402


@pytest.mark.parametrize(("height", "width", "radius"), [(20, 33, 3), (9, 7, 15)])
def test_both_guided_filters_agree(height, width, radius):
    image = np.random.default_rng(1).random((height, width, 3), dtype=np.float32)
    base = guided_base(torch.from_numpy(image).permute(2, 0, 1)[None], radius, 1.0)
    expected = guided_filter(image, image, radius, 1.0)
    assert np.abs(base[0].permute(1, 2, 0).numpy() - expected).max() < 1e-6


@pytest.mark.parametrize("shape", [(1, 1, 12, 13), (1, 2, 3, 1)])
def test_mirroring_is_numpys_symmetric_padding(shape):
    x = np.random.default_rng(2).random(shape)
    expected = np.pad(x, ((0, 0), (0, 0), (10, 10), (10, 10)), mode="symmetric")
    assert np.array_equal(mirrored(torch.from_numpy(x), 10).numpy(), expected)
