"""PSNR and SSIM by PyTorch against the same by NumPy; on the CPU everywhere, on a GPU where there is one."""

import numpy as np
import pytest

from bench.contract import Options, Sample, Truth
from tasks.quality.metrics import compare
from tasks.quality.psnr_ssim_torch import compare_batch
from tasks.quality.task import QualityTask, build

torch = pytest.importorskip("torch")
FOUR = ("psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb")


def pairs_of(image_of, size: tuple[int, int]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    cleans = [image_of(*size, seed) for seed in range(3)]
    noise = np.random.default_rng(0).integers(-40, 40, (3, *size, 3))
    images = [np.clip(clean + noisy, 0, 255).astype(np.uint8) for clean, noisy in zip(cleans, noise, strict=True)]
    return [images[0], images[1], cleans[2]], cleans  # the last is equal to its clean image


def samples_of(images: list[np.ndarray], cleans: list[np.ndarray]) -> list[Sample]:
    return [Sample("a", image, clean, Truth(clean.shape[:2])) for image, clean in zip(images, cleans, strict=True)]


@pytest.mark.parametrize("size", [(48, 75), (11, 11), (10, 40), (40, 10)])
def test_a_batch_equals_numpy_image_by_image(image_of, size: tuple[int, int]) -> None:
    images, cleans = pairs_of(image_of, size)
    found = compare_batch(images, cleans, (*FOUR, "fsim"), "cpu")
    for got, image, clean in zip(found, images, cleans, strict=True):
        assert got == pytest.approx(compare(image, clean, FOUR), abs=1e-9)
    assert set(compare_batch(images, cleans, ("ssim_rgb",), "cpu")[0]) <= {"ssim_rgb"}


@pytest.mark.gpu
def test_the_task_on_a_gpu_equals_the_task_on_the_cpu(image_of) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    images, cleans = pairs_of(image_of, (96, 130))
    samples = samples_of(images, cleans)
    task: QualityTask = build({"metrics": (*FOUR, "fsim")}, None)  # type: ignore[arg-type]
    answers = [task.judge(Options(device=device))(images, samples) for device in ("cpu", "cuda")]
    for cpu, gpu in zip(*answers, strict=True):
        assert gpu == pytest.approx(cpu, abs=1e-6)


def test_on_a_gpu_only_the_others_are_left_to_numpy(image_of, monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge's way of dividing the work, with the GPU's part computed on the CPU."""
    from tasks.quality import task as module

    on_cpu = lambda images, cleans, wanted, device: compare_batch(images, cleans, wanted, "cpu")  # noqa: E731
    monkeypatch.setattr(module, "compare_batch", on_cpu)
    images, cleans = pairs_of(image_of, (48, 75))
    samples = samples_of(images, cleans)
    task: QualityTask = build({"metrics": (*FOUR, "fsim")}, None)  # type: ignore[arg-type]
    for gpu, cpu in zip(
        task.judge(Options(device="cuda"))(images, samples), task.judge(Options())(images, samples), strict=True
    ):
        assert gpu == pytest.approx(cpu, abs=1e-9)
