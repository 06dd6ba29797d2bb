"""Calibration: meets what can be met, refuses what cannot, and measures as the field does."""

import math

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from bench.errors import UserError
from synth.rain.calibration import PUBLISHED, calibrate
from synth.rain.presets import LEVELS, preset
from synth.rain.quality import luma, measure, quality


@pytest.fixture
def photographs(image_of):
    return [image_of(96, 128, seed) for seed in range(10)]


def test_quality_is_that_of_scikit_image(photographs):
    clean, rainy = photographs[0], np.clip(photographs[0] * 0.7 + photographs[1] * 0.3, 0, 255).astype(np.uint8)
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    psnr, ssim = quality(clean, rainy, "rgb")
    assert psnr == pytest.approx(peak_signal_noise_ratio(clean, rainy), abs=1e-3)
    assert ssim == pytest.approx(structural_similarity(clean, rainy, channel_axis=2, **window), abs=1e-4)
    first, second = (np.rint(rgb2ycbcr(image)[..., 0]) for image in (clean, rainy))
    psnr, ssim = quality(clean, rainy, "y")
    assert psnr == pytest.approx(peak_signal_noise_ratio(first, second, data_range=255), abs=1e-3)
    assert ssim == pytest.approx(structural_similarity(first, second, **window), abs=1e-4)
    assert np.mean(luma(clean) != first) < 1e-4
    assert quality(clean, clean, "y") == (100.0, pytest.approx(1.0))


@pytest.mark.parametrize(("convention", "psnr", "ssim"), [("y", 18.0, 0.65), ("rgb", 17.0, 0.77)])
def test_targets_are_met(photographs, convention, psnr, ssim):
    lines = []
    found = calibrate(photographs, preset("coco350_y"), psnr, ssim, convention, progress=lines.append)
    means = found.achieved.of(convention)
    assert means[0].mean == pytest.approx(psnr, abs=0.05)
    assert means[1].mean == pytest.approx(ssim, abs=0.005)
    assert means[0].p5 < means[0].mean < means[0].p95
    assert means[0].deviation > 0
    assert len(lines) == found.evaluations <= 24
    assert found.photographs == 10
    assert measure(photographs, found.parameters) == found.achieved


def test_order_of_photographs_does_not_matter(photographs):
    one = calibrate(photographs, preset("coco350_y"), 18.0, 0.65)
    other = calibrate(photographs[::-1], preset("coco350_y"), 18.0, 0.65)
    assert one.digest == other.digest
    assert one.parameters == other.parameters


@pytest.mark.parametrize(("psnr", "ssim"), [(18.0, 0.999), (18.0, 0.01), (3.0, 0.5)])
def test_unattainable_targets_are_refused_with_what_is_attainable(photographs, psnr, ssim):
    with pytest.raises(UserError, match=r"Streaks alone come to .* the veil alone to") as refusal:
        calibrate(photographs, preset("coco350_y"), psnr, ssim)
    assert f"{psnr:g} dB" in str(refusal.value)


def test_wrong_calls_are_refused(photographs):
    with pytest.raises(UserError, match="at least 8 photographs, got 3"):
        calibrate(photographs[:3], preset("coco350_y"), 18, 0.6)
    with pytest.raises(UserError, match="convention y or rgb"):
        calibrate(photographs, preset("coco350_y"), 18, 0.6, "lab")


def test_depth_maps_are_used(photographs):
    depths = [np.full((96, 128), 2.0)] * 10
    with_depth = measure(photographs, preset("coco350_y"), depths=depths)
    assert with_depth.psnr_y.mean > measure(photographs, preset("coco350_y")).psnr_y.mean + 1


def test_means_fall_with_the_severity(photographs):
    means = [measure(photographs, preset("bdd150_y"), level) for level in LEVELS]
    for name in ("psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb"):
        values = [getattr(mean, name).mean for mean in means]
        assert values == sorted(values, reverse=True)
        assert len(set(values)) == len(values)


def _photographs(folder, step, count):
    paths = sorted(folder.glob("*"))[::step][:count]
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths]


@pytest.mark.shared
@pytest.mark.slow
def test_shipped_coco350_holds_on_photographs_as_it_is(shared):
    photographs = _photographs(shared / "data/coco/val2017", 2, 50)
    achieved = measure(photographs, preset("coco350_y"))
    assert achieved.psnr_y.mean == pytest.approx(14.79, abs=0.5)
    assert achieved.ssim_y.mean == pytest.approx(0.648, abs=0.03)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("base", PUBLISHED)
def test_calibration_holds_on_photographs_it_has_not_seen(shared, base):
    coco = base == "coco350"
    folder = shared / ("data/coco/val2017" if coco else "data/camvid/val")
    photographs = _photographs(folder, 1, 101)
    psnr, ssim = PUBLISHED[base]
    found = calibrate(photographs[::2], preset(f"{base}_y"), psnr, ssim)
    assert math.isclose(found.achieved.psnr_y.mean, psnr, abs_tol=0.05)
    assert math.isclose(found.achieved.ssim_y.mean, ssim, abs_tol=0.005)
    others = measure(photographs[1::2], found.parameters)
    assert math.isclose(others.psnr_y.mean, psnr, abs_tol=0.6)
    assert math.isclose(others.ssim_y.mean, ssim, abs_tol=0.03)
