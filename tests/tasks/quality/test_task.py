"""The quality task's evidence and summary."""

import math

import numpy as np
import pytest

from bench.contract import Classes, Options, Sample, Truth
from bench.errors import ImageError
from tasks.quality.metrics import compare
from tasks.quality.task import build

RNG = np.random.default_rng(5)
CLEAN = RNG.integers(0, 256, (24, 30, 3), dtype=np.uint8)
NOISY = np.clip(CLEAN + RNG.normal(0, 20, CLEAN.shape), 0, 255).astype(np.uint8)


def sample(id: str, clean: np.ndarray | None) -> Sample:
    return Sample(id, NOISY, clean, Truth(NOISY.shape[:2]))


def judged(image: np.ndarray) -> dict[str, float]:
    (evidence,) = build({}, Classes()).judge(Options())([image], [sample("a", CLEAN[: len(image)])])
    return evidence


def test_identical_images_are_counted_and_left_out_of_the_mean() -> None:
    task = build({}, Classes())
    rows = task.judge(Options())([NOISY, CLEAN], [sample("a", CLEAN), sample("b", CLEAN)])
    summary = task.summarise(dict(zip("ab", rows, strict=True)), {})
    values = {measure.metric: measure for measure in summary.measures}
    assert values["psnr_rgb"].value == compare(NOISY, CLEAN, ("psnr_rgb",))["psnr_rgb"]
    assert (values["psnr_rgb"].images, values["ssim_rgb"].images) == (1, 2)
    assert values["identical_images"].value == 1
    assert all(math.isfinite(row.value) for row in summary.per_image)
    assert list(values) == ["psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb", "identical_images"]


def test_identical_images_are_counted_one_by_one() -> None:
    rows = {id: {"ssim_y": 1.0, "identical_images": float(id != "c")} for id in "abcd"}
    values = {m.metric: (m.value, m.images) for m in build({}, Classes()).summarise(rows, {}).measures}
    assert values == {"ssim_y": (1.0, 4), "identical_images": (3.0, 4)}


def test_a_row_of_identical_images_has_no_psnr() -> None:
    summary = build({}, Classes()).summarise({"a": judged(CLEAN)}, {})
    assert [measure.metric for measure in summary.measures] == ["ssim_y", "ssim_rgb", "identical_images"]


def test_summary_is_the_mean_over_images_in_any_order() -> None:
    task = build({}, Classes())
    rows = {str(n): {"psnr_y": 20.0 + n, "ssim_y": 0.1 * n, "identical_images": 0.0} for n in range(7)}
    forward = task.summarise(rows, {})
    backward = task.summarise(dict(reversed(rows.items())), {})
    assert forward.measures == backward.measures
    assert forward.measures[0].value == 23.0


def test_small_images_have_no_ssim() -> None:
    assert set(judged(NOISY[:10])) == {"psnr_y", "psnr_rgb", "identical_images"}


@pytest.mark.parametrize(("clean", "message"), [(None, "no clean image"), (CLEAN[:-1], "shape")])
def test_nothing_to_compare_with_is_an_image_error(clean: np.ndarray | None, message: str) -> None:
    judge = build({}, Classes()).judge(Options())
    with pytest.raises(ImageError, match=message):
        judge([NOISY], [sample("a", clean)])


def test_the_task_says_what_it_needs() -> None:
    task = build({}, Classes())
    assert (task.name, task.model, task.needs) == ("quality", "", {"clean"})
    assert (
        build({"metrics": ("niqe", "sseq")}, Classes()).needs == build({"metrics": ("niqe",)}, Classes()).needs == set()
    )
    assert build({"metrics": ("niqe", "psnr_y")}, Classes()).needs == {"clean"}
