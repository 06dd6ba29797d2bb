"""PSNR and SSIM against scikit-image, piq and arithmetic done by hand."""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from bench.io.images import read_image
from tasks.quality.psnr_ssim import luma, psnr, ssim_plane, ssim_rgb

Pixels = npt.NDArray[np.uint8]


def skimage_ssim(first: npt.NDArray[np.generic], second: npt.NDArray[np.generic], channels: int | None) -> float:
    """scikit-image with the arguments that its documentation gives for Wang et al."""
    return structural_similarity(
        first, second, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255,
        channel_axis=channels,
    )  # fmt: skip


def noisy_pair(height: int, width: int, seed: int) -> tuple[Pixels, Pixels]:
    rng = np.random.default_rng(seed)
    clean = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return clean, np.clip(clean + rng.normal(0, 30, clean.shape), 0, 255).astype(np.uint8)


def assert_equals_skimage(clean: Pixels, rainy: Pixels) -> None:
    first, second = (np.round(rgb2ycbcr(image)[..., 0]) for image in (clean, rainy))
    np.testing.assert_array_equal(luma(clean), first)
    assert psnr(luma(rainy), luma(clean)) == pytest.approx(
        peak_signal_noise_ratio(first, second, data_range=255), abs=1e-9
    )
    assert psnr(rainy, clean) == pytest.approx(peak_signal_noise_ratio(clean, rainy, data_range=255), abs=1e-9)
    assert ssim_plane(luma(rainy), luma(clean)) == pytest.approx(skimage_ssim(first, second, None), abs=1e-9)
    assert ssim_rgb(rainy, clean) == pytest.approx(skimage_ssim(clean, rainy, 2), abs=1e-9)


@pytest.mark.parametrize("size", [(11, 11), (12, 37), (53, 40), (384, 401)])
def test_equals_scikit_image(size: tuple[int, int]) -> None:
    assert_equals_skimage(*noisy_pair(*size, seed=size[1]))


@pytest.mark.shared
def test_equals_scikit_image_on_real_pairs(shared: Path) -> None:
    pairs = sorted((shared / "data/rain100h/clean").glob("*.png"))
    assert len(pairs) == 40
    for path in pairs:
        assert_equals_skimage(read_image(path), read_image(shared / "data/rain100h/rainy" / path.name))


def test_equals_piq_without_downsampling() -> None:
    piq = pytest.importorskip("piq")
    torch = pytest.importorskip("torch")
    first, second = (luma(image) for image in noisy_pair(420, 500, seed=3))
    tensors = [torch.from_numpy(plane)[None, None] for plane in (first, second)]
    expected = float(piq.ssim(*tensors, data_range=255, downsample=False))
    assert ssim_plane(first, second) == pytest.approx(expected, abs=1e-9)


def test_luma_is_rounded_and_in_studio_range() -> None:
    corners = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]]], dtype=np.uint8)
    # MATLAB's documentation of rgb2ycbcr: black is 16, white 235; the primaries from its matrix, rounded.
    assert luma(corners).tolist() == [[16, 235, 81, 145, 41]]


def test_studio_range_raises_psnr_by_1_3219_db() -> None:
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (256, 256), dtype=np.uint8)
    other = np.clip(grey + rng.normal(0, 40, grey.shape), 0, 255).astype(np.uint8)
    first, second = (np.repeat(plane[..., None], 3, axis=2) for plane in (grey, other))
    gain = psnr(luma(first), luma(second)) - psnr(grey, other)
    # 20 log10(255 / 219); rounding of Y adds a little noise of its own.
    assert gain == pytest.approx(20 * math.log10(255 / 219), abs=2e-3)
    assert 20 * math.log10(255 / 219) == pytest.approx(1.3219, abs=5e-5)


def test_equal_images_have_infinite_psnr_and_full_similarity() -> None:
    clean, _ = noisy_pair(20, 20, seed=1)
    assert psnr(clean, clean) == math.inf
    assert ssim_rgb(clean, clean) == pytest.approx(1.0, abs=1e-12)


def test_one_level_everywhere_is_48_13_db() -> None:
    zero = np.zeros((16, 16, 3), dtype=np.uint8)
    assert psnr(zero + np.uint8(1), zero) == pytest.approx(20 * math.log10(255), abs=1e-12)


def test_ssim_refuses_what_is_smaller_than_its_window() -> None:
    with pytest.raises(ValueError, match="at least 11"):
        ssim_plane(np.zeros((10, 40)), np.zeros((10, 40)))
