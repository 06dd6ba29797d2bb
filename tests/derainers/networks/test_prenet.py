"""PReNet: the readable network, the lean one, and the published figures."""

import csv

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from bench.contract import Options, Traits
from bench.io.images import read_image

torch = pytest.importorskip("torch")

from derainers.networks.prenet.designs import PReNetDesign  # noqa: E402
from derainers.networks.prenet.lean import LeanPReNet  # noqa: E402
from derainers.networks.prenet.prenet import REACH, PReNet, published  # noqa: E402
from derainers.torch_derainer import TorchDerainer  # noqa: E402
from derainers.weights import load_official  # noqa: E402


@pytest.fixture
def seeded():
    torch.manual_seed(5)
    return PReNet().eval()


VARIANTS = {(True, False): 168_963, (True, True): 94_979, (False, False): 95_107, (False, True): 21_123}
"""Has it a memory, does it share its residual branch, and its published number of parameters."""


@pytest.mark.parametrize(("variant", "parameters"), VARIANTS.items())
def test_it_has_the_published_number_of_parameters(variant, parameters):
    assert sum(parameter.numel() for parameter in PReNet(PReNetDesign(6, *variant)).parameters()) == parameters


@pytest.mark.parametrize("shape", [(1, 3, 32, 48), (2, 3, 33, 21), (3, 3, 1, 5)])
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_lean_network_computes_the_same_function(variant, shape):
    torch.manual_seed(5)
    seeded, x = PReNet(PReNetDesign(6, *variant)), torch.rand(shape)
    with torch.inference_mode():
        # Random weights give small outputs of order 0.1; larger biases make the gates and ReLUs work.
        for parameter in seeded.parameters():
            if parameter.ndim == 1:
                parameter.copy_(torch.randn_like(parameter) * 0.3)
        assert (LeanPReNet(seeded)(x) - seeded(x)).abs().max() < 1e-5


def test_a_batch_gives_the_bytes_of_single_images_with_any_number_of_threads(seeded, image_of):
    derainer = TorchDerainer(LeanPReNet(seeded), Traits(tileable=True, quantisation="trunc"))
    images = [image_of(61, 67, seed) for seed in range(5)]
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            results.append(np.stack(derainer.restore_batch(images)))
            results.append(np.stack([derainer(image) for image in images]))
    finally:
        torch.set_num_threads(threads)
    assert all(np.array_equal(result, results[0]) for result in results)


def test_floats_too_do_not_depend_on_batch_and_threads(seeded):
    x = torch.rand(4, 3, 61, 67)
    lean = LeanPReNet(seeded)
    threads = torch.get_num_threads()
    try:
        with torch.inference_mode():
            torch.set_num_threads(1)
            alone = torch.cat([lean(x[i : i + 1]) for i in range(4)])
            torch.set_num_threads(2)
            assert torch.equal(lean(x), alone)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.shared
def test_official_weights_give_the_official_raw_output(shared):
    """Spot value of the official code: raw output at pixel (10, 10) and mean, pair 1 of Rain100H."""
    network = PReNet()
    load_official(network, "prenet-rain100h", Options(weights_dirs=(shared / "models",), offline=True))
    image = read_image(shared / "data" / "rain100h" / "rainy" / "1.png")
    x = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        y = LeanPReNet(network)(x)
    assert y[0, :, 10, 10].tolist() == pytest.approx([0.488115, 0.551193, 0.509180], abs=5e-6)
    assert y.mean().item() == pytest.approx(0.348154, abs=5e-6)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("id", ["1", "3", "40"])
def test_rain100h_scores_are_the_official_ones(shared, id):
    """``reference/prenet_rain100h.csv``: official code and checkpoint, truncated to uint8, RGB scores."""
    with (shared / "reference" / "prenet_rain100h.csv").open() as file:
        expected = next(row for row in csv.DictReader(file) if row["id"] == id)
    pairs = shared / "data" / "rain100h"
    options = Options(weights_dirs=(shared / "models",), offline=True)
    clean = read_image(pairs / "clean" / f"{id}.png").astype(np.float64)
    rainy = read_image(pairs / "rainy" / f"{id}.png")
    restored = published("prenet-rain100h", options)(rainy).astype(np.float64)
    assert psnr(restored, clean) == pytest.approx(float(expected["psnr_rgb"]), abs=0.01)
    assert ssim(restored, clean) == pytest.approx(float(expected["ssim_rgb"]), abs=0.0005)
    rounded = published("prenet-rain100h", options, quantisation="round")(rainy).astype(np.float64)
    assert psnr(luma(rounded), luma(clean)) == pytest.approx(
        float(expected["psnr_y_float_if_output_rounded"]), abs=0.01
    )


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a - b) ** 2))


def ssim(a, b):
    """Mean over channels of the 11x11 Gaussian SSIM's valid region."""
    _, maps = structural_similarity(
        a, b, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, truncate=3.5,
        channel_axis=2, full=True,
    )  # fmt: skip
    return maps[5:-5, 5:-5].mean()


def luma(image):
    return 16 + image @ np.array([65.481, 128.553, 24.966]) / 255


def test_parts_that_overlap_by_its_reach_give_the_bytes_of_the_whole(seeded, image_of, monkeypatch):
    image = image_of(400, 40, 4)
    derainer = TorchDerainer(LeanPReNet(seeded), Traits(tileable=True, quantisation="trunc"), reach=REACH)
    whole, run, heights = derainer(image), derainer._run, []

    def cramped(rainy):
        heights.append(rainy[0].shape[0])
        if heights[-1] > 300:
            raise MemoryError
        return run(rainy)

    monkeypatch.setattr(derainer, "_run", cramped)
    assert np.array_equal(derainer(image), whole)
    assert heights == [400, 200 + REACH, 200 + REACH]
