"""MS-SSIM, FSIM, NIQE and SSEQ against other implementations and published values."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import convolve2d

from bench.contract import Classes, Options, Sample, Truth
from bench.errors import UserError
from bench.io.images import read_image
from tasks.models.checkpoints import published_weights
from tasks.quality.fsim import _shrink, fsim
from tasks.quality.grey import grey_of, halve
from tasks.quality.metrics import QUALITY_METRICS, compare
from tasks.quality.niqe import niqe, read_niqe
from tasks.quality.psnr_ssim import _halve, luma, ms_ssim_plane
from tasks.quality.sseq import _couple, read_sseq, sseq
from tasks.quality.task import build


def pair(image_of, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    clean = image_of(height, width, 5)
    noise = np.random.default_rng(6).normal(0, 25, clean.shape)
    return np.clip(clean + noise, 0, 255).astype(np.uint8), clean


def tensors(*images: np.ndarray):
    torch = pytest.importorskip("torch")
    return [torch.from_numpy(image.astype(float)).permute(2, 0, 1)[None] for image in images]


# From a shorter side of 384 on, planes are averaged over 2x2 pixels first, which piq does alike for even sides.
@pytest.mark.parametrize("size", [(96, 128), (391, 383), (384, 390)])
def test_fsim_equals_piq(image_of, size: tuple[int, int]) -> None:
    piq = pytest.importorskip("piq")
    # Pale colours: where chroma products are negative, FeatureSIM.m takes the real part of a complex power
    # and piq its modulus.
    image, clean = ((0.2 * one + 0.8 * one[..., :1]).astype(np.uint8) for one in pair(image_of, *size))
    grey, colour = fsim(image, clean)
    assert grey == pytest.approx(float(piq.fsim(*tensors(image, clean), data_range=255, chromatic=False)), abs=1e-5)
    # piq has four digits of the colour matrix where FeatureSIM.m has three.
    assert colour == pytest.approx(float(piq.fsim(*tensors(image, clean), data_range=255)), abs=5e-5)


def signed(count: int) -> np.ndarray:
    """Kovesi's frequencies in the order of the discrete Fourier transform; odd counts reach one half, too."""
    numbers = np.array([k if k < (count + 1) // 2 else k - count for k in range(count)])
    return numbers / (count - count % 2)


def plain_filters(rows: int, columns: int, orientation: int) -> np.ndarray:
    """Log-Gabor filters of four scales (6 to 48 pixels) in one of four directions, frequency by frequency."""
    found = np.zeros((4, rows, columns))
    for r, y in enumerate(signed(rows)):
        for c, x in enumerate(signed(columns)):
            radius = math.hypot(x, y)
            if radius == 0:
                continue
            turn = (math.atan2(-y, x) - orientation * math.pi / 4 + math.pi) % (2 * math.pi) - math.pi
            spread = math.exp(-((turn / (math.pi / 4 / 1.2)) ** 2) / 2)
            low_pass = 1 / (1 + (radius / 0.45) ** 30)
            for scale in range(4):
                octaves = math.log(radius * 6 * 2**scale) / math.log(0.55)
                found[scale, r, c] = math.exp(-(octaves**2) / 2) * low_pass * spread
    return found


def plain_phase_congruency(plane: np.ndarray) -> np.ndarray:
    """Kovesi's second measure with its noise compensation: amplitudes times cos - |sin| of the phases' deviation."""
    energies, amplitudes = np.zeros(plane.shape), np.zeros(plane.shape)
    for orientation in range(4):
        filters = plain_filters(*plane.shape, orientation)
        responses = [np.fft.ifft2(np.fft.fft2(plane) * one) for one in filters]
        whole = sum(responses)
        energy = np.zeros(plane.shape)
        for response in responses:
            deviation = np.angle(response) - np.angle(whole)
            energy += np.abs(response) * (np.cos(deviation) - np.abs(np.sin(deviation)))
        energy *= np.abs(whole) / (np.abs(whole) + 1e-4)
        # Rayleigh's distribution has its median at s sqrt(2 ln 2), its mean at s sqrt(pi / 2).
        power = np.median(np.abs(responses[0]) ** 2) / math.log(2) / (filters[0] ** 2).sum()
        kernels = [np.fft.ifft2(one).real * math.sqrt(plane.size) for one in filters]
        products = [[(a * b).sum() for b in kernels] for a in kernels]
        off_diagonal = sum(products[a][b] for a in range(4) for b in range(4) if a != b)
        s = math.sqrt(power * (sum(products[a][a] for a in range(4)) + off_diagonal))
        noise = (s * math.sqrt(math.pi / 2) + 2 * s * math.sqrt(2 - math.pi / 2)) / 1.7
        energies += np.where(energy > noise, energy - noise, 0)
        amplitudes += sum(np.abs(response) for response in responses)
    return energies / (amplitudes + 1e-4)


def plain_fsim(image: np.ndarray, clean: np.ndarray) -> tuple[float, float]:
    """Equations 4 to 10 of the paper, without averaging before; negative products have a complex power."""
    sides = []
    for pixels in (image.astype(float), clean.astype(float)):
        red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
        luminance = 0.299 * red + 0.587 * green + 0.114 * blue
        slopes = [
            convolve2d(luminance, np.array(kernel) / 16, mode="same")
            for kernel in ([[3, 0, -3], [10, 0, -10], [3, 0, -3]], [[3, 10, 3], [0, 0, 0], [-3, -10, -3]])
        ]
        sides.append((
            plain_phase_congruency(luminance),
            np.hypot(*slopes),
            0.596 * red - 0.274 * green - 0.322 * blue,
            0.211 * red - 0.523 * green + 0.312 * blue,
        ))  # fmt: skip
    alike = [
        (2 * a * b + constant) / (a**2 + b**2 + constant)
        for a, b, constant in zip(*sides, (0.85, 160, 200, 200), strict=True)
    ]
    weights = np.maximum(sides[0][0], sides[1][0])
    product = alike[2] * alike[3]
    chroma = np.abs(product) ** 0.03 * np.where(product < 0, math.cos(0.03 * math.pi), 1)
    luminance = alike[0] * alike[1] * weights
    return luminance.sum() / weights.sum(), (luminance * chroma).sum() / weights.sum()


@pytest.mark.parametrize("size", [(24, 30), (27, 22), (19, 33)])
def test_fsim_equals_plain_loops(image_of, size: tuple[int, int]) -> None:
    image, clean = pair(image_of, *size)
    assert fsim(image, clean) == pytest.approx(plain_fsim(image, clean), abs=1e-10)
    # Faint structures lie within the noise of a brighter image, and near the small constants.
    dim = (clean // 16 + 100).astype(np.uint8)
    assert fsim(dim, clean) == pytest.approx(plain_fsim(dim, clean), abs=1e-10)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 5])
def test_fsim_thins_out_as_matlab_does(factor: int) -> None:
    plane = np.random.default_rng(1).random((23, 30))
    full = convolve2d(plane, np.full((factor, factor), 1 / factor**2))
    # MATLAB documents conv([-1 2 3 -2 0 1 2], [2 4 -1 1], 'same') as 15 5 -9 7 6 7 -1, which is the full
    # convolution from its third value on: the central part begins at half the kernel, rounded down.
    half = factor // 2
    expected = full[half : half + 23, half : half + 30][::factor, ::factor]
    np.testing.assert_allclose(_shrink(plane[..., None], factor)[..., 0], expected, atol=1e-12)


def test_equal_images_have_full_similarity(image_of) -> None:
    clean = image_of(180, 200, 2)
    assert fsim(clean, clean) == (pytest.approx(1), pytest.approx(1))
    assert ms_ssim_plane(luma(clean), luma(clean)) == pytest.approx(1)
    flat = np.full((32, 32, 3), 90, dtype=np.uint8)
    assert fsim(flat, flat) == (1, 1)


@pytest.mark.parametrize("size", [(176, 208), (352, 480)])
def test_ms_ssim_equals_piq(image_of, size: tuple[int, int]) -> None:
    piq = pytest.importorskip("piq")
    first, second = (luma(image)[..., None] for image in pair(image_of, *size))
    expected = float(piq.multi_scale_ssim(*tensors(first, second), data_range=255))
    assert ms_ssim_plane(first[..., 0], second[..., 0]) == pytest.approx(expected, abs=1e-6)


def test_an_odd_last_row_or_column_is_repeated_before_halving() -> None:
    plane = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
    assert _halve(plane).tolist() == [[(1 + 2 + 4 + 5) / 4, (3 + 6) / 2], [(7 + 8) / 2, 9]]
    assert _halve(plane[:2, :2]).tolist() == [[3]]


def test_brightness_counts_at_the_coarsest_scale_of_ms_ssim(image_of) -> None:
    piq = pytest.importorskip("piq")
    first, second = (luma(image)[..., None] for image in pair(image_of, 176, 208))
    darker = 0.5 * first
    expected = float(piq.multi_scale_ssim(*tensors(darker, second), data_range=255))
    assert ms_ssim_plane(darker[..., 0], second[..., 0]) == pytest.approx(expected, abs=1e-6)


def test_small_images_have_no_ms_ssim(image_of) -> None:
    image, clean = pair(image_of, 160, 400)
    assert set(compare(image, clean, QUALITY_METRICS)) == set(QUALITY_METRICS) - {"ms_ssim_y", "lpips", "niqe", "sseq"}
    image, clean = pair(image_of, 161, 180)
    assert set(compare(image, clean, ("ms_ssim_y", "psnr_rgb"))) == {"ms_ssim_y", "psnr_rgb"}


@pytest.mark.parametrize(
    ("side", "more"),
    [(10, set()), (11, {"ssim_y", "ssim_rgb"}), (15, {"ssim_y", "ssim_rgb"}),
     (16, {"ssim_y", "ssim_rgb", "fsim", "fsimc"})],
)  # fmt: skip
def test_a_metric_needs_its_least_side_in_either_direction(image_of, side: int, more: set[str]) -> None:
    image, clean = pair(image_of, side, 40)
    assert set(compare(image, clean, QUALITY_METRICS)) == {"psnr_y", "psnr_rgb"} | more
    turned = (np.swapaxes(one, 0, 1) for one in (image, clean))
    assert set(compare(*turned, QUALITY_METRICS)) == {"psnr_y", "psnr_rgb"} | more
    assert set(compare(image, clean, ("fsimc", "ssim_rgb"))) == {"fsimc", "ssim_rgb"} & more


def test_halving_equals_pillow_bicubic_with_antialiasing() -> None:
    from PIL import Image

    plane = np.random.default_rng(0).random((40, 64)).astype(np.float32) * 255
    # Pillow's bicubic has the same kernel and stretches it when shrinking; only the border differs.
    resized = np.asarray(Image.fromarray(plane).resize((32, 20), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(halve(plane.astype(float))[2:-2, 2:-2], resized[2:-2, 2:-2], atol=1e-3)
    assert halve(np.ones((7, 9))).shape == (4, 5)
    np.testing.assert_allclose(halve(np.ones((7, 9))), 1, atol=1e-12)


def test_grey_is_rounded() -> None:
    image = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], dtype=np.uint8)
    assert grey_of(image).tolist() == [[76, 150, 29, 255]]  # MATLAB's rgb2gray of the primaries


# MATLAB's values for the four images of the release, from scikit-video issue 116. The third has flat areas
# in which rounding noise is fitted as a distribution.
NIQE = {"niqe_image1": (5.0290, 5e-4), "niqe_image2": (17.8659, 5e-4), "niqe_image3": (8.0362, 0.5),
        "niqe_image4": (2.6571, 5e-4)}  # fmt: skip


@pytest.mark.shared
@pytest.mark.parametrize("name", NIQE)
def test_niqe_of_the_release_images(shared: Path, name: str) -> None:
    model = read_niqe(shared / "models/niqe/modelparameters.mat")
    expected, tolerance = NIQE[name]
    assert niqe(read_image(shared / f"data/quality/{name}.png"), model) == pytest.approx(expected, abs=tolerance)


# From an independent port (no MATLAB value is published); that of sseq_img is of the release's own image.
SSEQ = {"sseq_img": 54.015, "niqe_image1": 42.468, "niqe_image2": 52.953, "niqe_image3": 55.367, "niqe_image4": 30.039}


@pytest.mark.shared
@pytest.mark.parametrize("name", SSEQ)
def test_sseq_of_the_release_images(shared: Path, name: str) -> None:
    model = read_sseq(shared / "models/sseq/model.mat")
    found = sseq(read_image(shared / f"data/quality/{name}.png"), model)
    assert found == pytest.approx(SSEQ[name], abs=0.05)


@pytest.mark.shared
def test_a_flat_image_has_no_sseq(shared: Path) -> None:
    assert sseq(np.full((64, 64, 3), 120, dtype=np.uint8), read_sseq(shared / "models/sseq/model.mat")) is None


def test_coupled_probabilities_are_near_the_optimum() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        true = rng.dirichlet(np.ones(5)) + 0.02
        true /= true.sum()
        pairwise = true[:, None] / (true[:, None] + true[None, :])
        np.fill_diagonal(pairwise, 0)
        np.testing.assert_allclose(_couple(pairwise), true, atol=0.01)


@pytest.mark.shared
def test_no_reference_metrics_find_their_files_by_digest(shared: Path, image_of) -> None:
    task = build({"metrics": ("niqe", "sseq")}, Classes())
    assert task.needs == frozenset()
    image = image_of(200, 300, 1)
    judge = task.judge(Options(weights_dirs=(shared / "models",), offline=True))
    [row] = judge([image], [Sample("real", image, None, Truth((200, 300)))])
    assert set(row) == {"niqe", "sseq"}
    [small] = judge([image[:100]], [Sample("small", image[:100], None, Truth((100, 300)))])
    assert set(small) == {"sseq"}


@pytest.mark.parametrize("metric", ["niqe", "sseq"])
def test_absent_files_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metric: str) -> None:
    monkeypatch.delenv("DERAINBENCH_WEIGHTS", raising=False)
    monkeypatch.setattr("bench.io.weights.cache_dir", lambda: tmp_path)
    task = build({"metrics": (metric,)}, Classes())
    assert published_weights()[metric][0].sha256 in task.fingerprint
    with pytest.raises(UserError, match=rf"'{metric}' .*--weights-dir"):
        task.judge(Options(offline=True))


@pytest.mark.parametrize("read", [read_niqe, read_sseq])
def test_another_file_is_refused(tmp_path: Path, read) -> None:
    (tmp_path / "x.mat").write_bytes(b"no such thing")
    with pytest.raises(UserError, match=r"x\.mat: not the"):
        read(tmp_path / "x.mat")


def test_unknown_metrics_are_refused() -> None:
    with pytest.raises(UserError, match=r"metrics\.0"):
        build({"metrics": ("vmaf",)}, Classes())
