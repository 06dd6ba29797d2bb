"""The segmenter's training: its loss against other libraries, what happens to pictures, and that it learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
smp = pytest.importorskip("segmentation_models_pytorch")

from bench.contract import UNLABELLED, Photograph, Truth  # noqa: E402
from tasks.training.augmentation import MULTIPLE, batch_of, padded, relit  # noqa: E402
from tasks.training.loop import TaskModelJob, train  # noqa: E402
from tasks.training.settings import TaskModelSettings  # noqa: E402
from tasks.training.unet import labels_loss, loss_of, unet  # noqa: E402


def halves(number: int, size: tuple[int, int] = (64, 96)) -> Photograph:
    """A bright half, class 0, and a dark one, class 1, parted at another column in every picture."""
    column = int(np.random.default_rng(number).integers(24, 72))
    image = np.full((*size, 3), 200, np.uint8)
    labels = np.zeros(size, np.uint8)
    image[:, column:], labels[:, column:] = 40, 1
    labels[0] = UNLABELLED
    return Photograph(f"halves-{number}", image, None, Truth(size, None, labels))


def test_loss_is_weighted_cross_entropy_plus_dice_of_the_classes_that_occur() -> None:
    torch.manual_seed(0)
    scores, labels = torch.randn(3, 5, 8, 12), torch.randint(0, 4, (3, 8, 12))  # class 4 never occurs
    labels[0, :3] = UNLABELLED
    counts = torch.bincount(labels.flatten(), minlength=256)[:5].clamp(min=1)
    entropy = torch.nn.functional.cross_entropy(scores, labels, counts**-0.25, ignore_index=UNLABELLED)
    dice = smp.losses.DiceLoss("multiclass", classes=[0, 1, 2, 3], ignore_index=UNLABELLED)(scores, labels)
    torch.testing.assert_close(labels_loss(scores, labels), entropy + dice)


def test_loss_of_nothing_labelled_is_zero_and_has_a_gradient() -> None:
    scores = torch.randn(1, 3, 4, 4, requires_grad=True)
    loss = labels_loss(scores, torch.full((1, 4, 4), UNLABELLED))
    loss.backward()
    assert loss.item() == 0
    assert scores.grad is not None
    assert not scores.grad.any()


def test_pictures_of_any_size_are_normalised_and_padded() -> None:
    pixels = np.full((33, 50, 3), 0.5, np.float32)
    batch = batch_of([pixels, pixels])
    assert batch.shape == (2, 3, 2 * MULTIPLE, 2 * MULTIPLE)
    np.testing.assert_allclose(batch[1, :, 0, 0], (0.5 - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225], 1e-6)
    assert not batch[:, :, 33:].any()
    assert not batch[:, :, :, 50:].any()
    assert (padded(torch.zeros(2, 33, 50).long(), UNLABELLED)[:, 33:] == UNLABELLED).all()


def test_relit_pictures_keep_the_order_of_grey_levels() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    random = np.random.default_rng(0)
    seen = [relit(ramp, random)[:, 0, 0] for _ in range(20)]
    assert all((np.diff(one) >= 0).all() for one in seen)
    assert all(one.min() >= 0 for one in seen)
    assert max(one.max() for one in seen) <= 1
    assert np.ptp([one[128] for one in seen]) > 0.1


def test_mirrored_pictures_take_their_labels_along() -> None:
    class Oracle(torch.nn.Module):
        """Bright pixels are of class 0."""

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.stack([images[:, 0], -images[:, 0]], 1) * 100

    random = np.random.default_rng(0)
    for number in range(8):  # both ways occur
        assert loss_of(Oracle(), [halves(number)], random).item() == pytest.approx(0, abs=1e-5)


def test_it_learns(tmp_path: Path) -> None:
    torch.manual_seed(0)
    trainee = unet(("bright", "dark"))
    settings = TaskModelSettings(network="unet", steps=8, batch=4, every=2, warm_up=2, average=0.5)
    progress = train(TaskModelJob(settings, trainee, [halves(number) for number in range(8)], tmp_path, "halves"))
    assert progress.log[-1]["loss"] < 0.7 * progress.log[0]["loss"]
