import numpy as np
import pytest
import torch

from derainers.training.losses import charbonnier, laplacian, mspfn_loss, negative_ssim, ssim


def images(seed: int, *shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_charbonnier_by_hand():
    # sqrt(0.003**2 + 0.001**2) and sqrt(0 + 0.001**2), their mean
    expected = (np.sqrt(9e-6 + 1e-6) + 1e-3) / 2
    assert charbonnier(torch.tensor([0.003, 0.0], dtype=torch.float64)) == pytest.approx(expected, rel=1e-12)


def test_laplacian_of_a_point_is_its_kernel_and_knows_no_other_channel():
    image = torch.zeros(1, 3, 5, 5)
    image[0, 1, 2, 2] = 1.0
    edges = laplacian(image)
    kernel = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]])
    assert np.array_equal(edges[0, 1, 1:4, 1:4].numpy(), kernel)
    assert edges.abs().sum() == 16


def test_mspfn_loss_is_that_of_the_paper_written_out():
    restored, clean = images(1, 2, 3, 9, 7) * 2 - 1, images(2, 2, 3, 9, 7) * 2 - 1

    def edges(x: torch.Tensor) -> np.ndarray:
        padded = np.pad(x.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)))
        around = sum(padded[:, :, i : i + 9, j : j + 7] for i in range(3) for j in range(3))
        return 9 * x.numpy() - around

    image_part = np.sqrt((restored - clean).numpy() ** 2 + 1e-6).mean()
    edge_part = np.sqrt((edges(restored) - edges(clean)) ** 2 + 1e-6).mean()
    assert mspfn_loss(restored, clean).item() == pytest.approx(image_part + 0.05 * edge_part, rel=1e-12)


def test_ssim_equals_piq():
    piq = pytest.importorskip("piq")
    first, second = images(3, 2, 3, 40, 33), images(4, 2, 3, 40, 33)
    second = 0.7 * first + 0.3 * second
    expected = piq.ssim(first, second, data_range=1.0, downsample=False)
    assert ssim(first, second).item() == pytest.approx(expected.item(), abs=1e-9)


def test_negative_ssim_is_least_for_equal_images_and_has_a_gradient():
    clean = images(5, 1, 3, 24, 24)
    restored = (clean * 0.5 + 0.2).requires_grad_()
    assert negative_ssim(clean, clean).item() == pytest.approx(-1.0, abs=1e-12)
    loss = negative_ssim(restored, clean)
    loss.backward()
    assert -1 < loss.item() < 0
    assert torch.isfinite(restored.grad).all()
    assert restored.grad.abs().sum() > 0
